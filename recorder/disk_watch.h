// DiskWatch: says in the log when a volume of the stack's folder runs low, and when it has room
// again. Where PostgreSQL is on another machine, that one has to be watched there. Has a thread of
// its own.
#pragma once

#include <set>
#include <string>
#include <thread>

#include "base/os/pause.h"

namespace gatetape::recorder {

class DiskWatch {
 public:
  // DiskWatch looks at the volumes of `dir` now and every ten seconds.
  explicit DiskWatch(std::string dir);
  ~DiskWatch();
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

 private:
  void look();

  const std::string dir_;
  std::set<std::string> low_;  // volumes of which the log told; the thread's own
  Pause stopped_;
  std::thread thread_;
};

}  // namespace gatetape::recorder
