// Permits: a number of permits that threads take and give back. The wait for one is timed by the
// monotonic clock (see base/os/pause.h). Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/check.h"

namespace gatetape::auditd {

class Permits {
 public:
  explicit Permits(int count) : count_(count), free_(count) { CHECK(count > 0, count); }

  // take waits for a permit; it returns false when none is free for that long.
  bool take(std::chrono::milliseconds timeout) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!given_.wait_for(lock, timeout, [this] { return free_ > 0; })) return false;
    free_--;
    CHECK(free_ >= 0, free_);
    return true;
  }
  // give returns a permit that was taken.
  void give() {
    const std::lock_guard<std::mutex> lock(mutex_);
    CHECK(free_ < count_, free_, count_);
    free_++;
    given_.notify_one();
  }

 private:
  const int count_;
  std::mutex mutex_;
  std::condition_variable given_;
  int free_;  // guarded by mutex_
};

}  // namespace gatetape::auditd
