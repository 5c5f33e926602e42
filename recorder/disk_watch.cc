#include "recorder/disk_watch.h"

#include <utility>

#include "base/check.h"
#include "base/os/daemon.h"
#include "base/os/disk.h"

namespace gatetape::recorder {
namespace {

// Time between two checks. A full volume ends every session, so that an operator must learn early;
// a check is one system call per volume.
constexpr std::chrono::seconds kEvery(10);

}  // namespace

DiskWatch::DiskWatch(std::string dir)
    : dir_(std::move(dir)), thread_([this] {
        do {
          check_volumes();
        } while (!stopped_.wait(kEvery));
      }) {}

DiskWatch::~DiskWatch() {
  stopped_.end();
  thread_.join();
}

void DiskWatch::check_volumes() {
  for (const DiskRoom& room : disk_rooms(dir_)) {
    const bool changed = room.is_low() ? low_.insert(room.path).second : low_.erase(room.path) > 0;
    CHECK(low_.contains(room.path) == room.is_low(), room.path);
    if (!changed) continue;
    const std::string free_mib = std::to_string(room.free_bytes >> 20);
    if (room.is_low())
      log_warn("disk_low", {{"path", room.path}, {"free_mib", free_mib}});
    else
      log_info("disk_has_room", {{"path", room.path}, {"free_mib", free_mib}});
  }
}

}  // namespace gatetape::recorder
