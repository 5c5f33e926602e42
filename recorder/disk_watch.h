// DiskWatch: writes to the log when a volume under the folder of the stack runs low, and when it
// has room again. A PostgreSQL on another machine must be watched there. It has a thread of its
// own.
#pragma once

#include <set>
#include <string>
#include <thread>

#include "base/os/pause.h"

namespace gatetape::recorder {

class DiskWatch {
 public:
  // DiskWatch checks the volumes under `dir` now and every ten seconds.
  explicit DiskWatch(std::string dir);
  ~DiskWatch();
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

 private:
  // check_volumes writes one line for each volume whose state changed.
  void check_volumes();

  const std::string dir_;
  std::set<std::string> low_;  // volumes that the log reported as low; its thread alone
  Pause stopped_;
  std::thread thread_;
};

}  // namespace gatetape::recorder
