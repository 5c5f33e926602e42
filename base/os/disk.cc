#include "base/os/disk.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <set>

namespace gatetape {

std::vector<DiskRoom> disk_rooms(const std::string& dir) {
  std::vector<DiskRoom> rooms;
  std::set<dev_t> seen;
  for (const std::string& path : {dir, dir + "/pg"}) {
    struct stat file {};
    struct statvfs volume {};
    if (stat(path.c_str(), &file) != 0 || statvfs(path.c_str(), &volume) != 0) continue;
    if (!seen.insert(file.st_dev).second) continue;
    rooms.push_back({path, static_cast<uint64_t>(volume.f_bavail) * volume.f_frsize});
  }
  return rooms;
}

}  // namespace gatetape
