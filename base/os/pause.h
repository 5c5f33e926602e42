// Pause: a wait of one thread that other threads can end. It is timed by the monotonic clock, so
// that a wall clock that is set back does not prolong it (the timed waits of absl last until the
// wall clock shows the old time again). Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace gatetape {

class Pause {
 public:
  // wait returns after `duration`, or earlier when end() or wake() is called. It returns true when
  // end() was called.
  bool wait(std::chrono::nanoseconds duration) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, duration, [this] { return ended_ || woken_; });
    woken_ = false;
    return ended_;
  }
  // wake ends the wait that is under way, or the next one when there is none.
  void wake() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(woken_, true)) return;
    changed_.notify_all();
  }
  // end ends the wait that is under way and every later one.
  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;  // guarded by mutex_
  bool ended_ = false;  // guarded by mutex_
};

}  // namespace gatetape
