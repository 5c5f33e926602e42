// DiskRoom: the free space of the volumes of a stack. A full volume stops every session, so that
// administrators are warned long before. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatetape {

struct DiskRoom {
  std::string path;
  uint64_t free_bytes = 0;  // available to processes that are not root

  // is_low returns true when an administrator should free some space.
  bool is_low() const { return free_bytes < kFreeBytesMin; }
  // Free space in bytes below which is_low returns true. Below the limit the daemon logs a warning;
  // nothing stops. 2 GiB last half a minute of bulk transfer at full speed, or millions of
  // keystrokes.
  static constexpr uint64_t kFreeBytesMin = uint64_t{2} << 30;
};

// disk_rooms returns the free space for `dir` and, when it is a volume of its own, for `dir`/pg. A
// folder that cannot be examined is left out.
std::vector<DiskRoom> disk_rooms(const std::string& dir);

}  // namespace gatetape
