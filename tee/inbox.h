// Inbox: where the link's reader thread leaves the events of sessions for one event loop, which
// polls an eventfd. The link's threads fill it, its owner's thread empties it.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tee/spool.h"

namespace gatetape::tee {

// EventSink accepts the events of sessions on the link's reader thread; it must not block.
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
  // fd returns the descriptor that is readable while there are events.
  int fd() const { return fd_; }
  // drain returns all events, in order, and makes fd() unreadable.
  std::vector<TeeEvent> drain();

 private:
  int fd_;
  absl::Mutex mutex_;
  std::vector<TeeEvent> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::tee
