// Heartbeat: calls a function again and again on a thread of its own, until it is destroyed. The
// period is timed by the monotonic clock: a wall clock that is set back does not silence a daemon,
// which is taken for dead after 90 s of silence.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "base/os/pause.h"

namespace gatetape::auditd {

class Heartbeat {
 public:
  struct Options {
    std::chrono::milliseconds period;
    std::function<void()> beat;  // called on the heartbeat's thread, first after one period
  };
  explicit Heartbeat(Options options);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  const Options options_;
  Pause pause_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace gatetape::auditd
