// Inbox: where the link's reader thread leaves events for one consumer: an event loop (through an
// eventfd that it polls). Filled by the link's threads, emptied by its owner's.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tee/spool.h"

namespace gatetape::tee {

// EventSink takes a session's events on the link's reader thread; it must not block.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void deliver(std::vector<TeeEvent> events) = 0;
};

class Inbox : public EventSink {
 public:
  Inbox();
  ~Inbox() override;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void deliver(std::vector<TeeEvent> events) override;
  // fd becomes readable when there are events.
  int fd() const { return fd_; }
  // drain takes all events and makes fd unreadable.
  std::vector<TeeEvent> drain();

 private:
  int fd_;
  absl::Mutex mutex_;
  std::vector<TeeEvent> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::tee
