// Disk: how much room is left on the volumes of a stack's folder. A full one stops every session,
// so that people are warned long before. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatetape {

struct DiskRoom {
  std::string path;
  uint64_t free_bytes = 0;  // for those who are not root

  // is_low tells that it is time to make room.
  bool is_low() const { return free_bytes < kFreeBytesMin; }
  static constexpr uint64_t kFreeBytesMin = uint64_t{2} << 30;
};

// disk_rooms gives the room for `dir` and for its `pg`, where that is a volume of its own. What
// cannot be looked at is left out.
std::vector<DiskRoom> disk_rooms(const std::string& dir);

}  // namespace gatetape
