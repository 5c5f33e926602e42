#include "base/os/memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace gatetape {
namespace {

// Pages of this process, as /proc/self/statm counts them (proc(5)).
struct Pages {
  uint64_t all = 0;
  uint64_t resident = 0;
  uint64_t of_files = 0;
};

Pages read_pages() {
  Pages pages;
  std::ifstream file("/proc/self/statm");
  if (!(file >> pages.all >> pages.resident >> pages.of_files)) return {};
  return pages;
}

uint64_t page_bytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

uint64_t machine_memory_bytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * page_bytes();
}

uint64_t resident_bytes() { return read_pages().resident * page_bytes(); }

uint64_t unused_bytes(uint64_t resident) {
  const struct mallinfo2 heap = mallinfo2();
  const uint64_t used = heap.uordblks + heap.hblkhd + read_pages().of_files * page_bytes();
  return resident - std::min(resident, used);
}

void free_unused_memory() { malloc_trim(0); }

}  // namespace gatetape
