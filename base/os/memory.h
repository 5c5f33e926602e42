// memory: the memory of this process and of the machine. Any thread.
#pragma once

#include <cstdint>

namespace gatetape {

// machine_memory_bytes returns the size of the machine's RAM.
uint64_t machine_memory_bytes();
// resident_bytes returns the resident set size of this process, 0 when /proc cannot be read.
uint64_t resident_bytes();
// unused_bytes returns how many of the `resident` bytes are neither in use on the heap nor pages of
// files: mostly free blocks of the heap, which glibc keeps.
uint64_t unused_bytes(uint64_t resident);
// free_unused_memory returns free pages of the heap to the system. Other threads that allocate may
// wait for it.
void free_unused_memory();

}  // namespace gatetape
