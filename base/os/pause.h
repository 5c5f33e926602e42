// Pause: a wait that another thread can end. It is timed by the monotonic clock: a wall clock that
// is set back makes it no longer (absl's timed waits would last until the old time comes again).
// Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace gatetape {

class Pause {
 public:
  // wait returns after this long, or as soon as end() was called; true then.
  bool wait(std::chrono::milliseconds duration) {
    std::unique_lock<std::mutex> lock(mutex_);
    return ended_changed_.wait_for(lock, duration, [this] { return ended_; });
  }
  // end makes this wait, and all that come, return at once.
  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    ended_changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;  // guarded by mutex_
};

}  // namespace gatetape
