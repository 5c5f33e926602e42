// SessionNumbers: the counter of the sessions that this run of the gateway has offered to the
// record (session_no, docs/FORMAT.md section 2). A number is used up by the same step that offers
// its session_open, so that a session that is given up before leaves no hole. main owns it. Any
// thread.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace gatetape::gateway {

class SessionNumbers {
 public:
  // offer calls `open` once with the next number, from 1. `open` offers session_open with it, and
  // does not call this object. No other session is offered meanwhile: the link sends the sessions
  // in the order of their numbers, which would not be so if the lock did not span both steps.
  void offer(absl::FunctionRef<void(uint64_t session_no)> open);

 private:
  absl::Mutex mutex_;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gatetape::gateway
