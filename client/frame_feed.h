// FrameFeed reads the frames of a session on its own thread and queues them, so that the main
// thread sees keys and signals while auditd is slow. The queue is bounded. All calls come from the
// main thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/os/fd.h"
#include "client/audit_client.h"
#include "record/frame.h"

namespace gatetape::client {

class FrameFeed {
 public:
  // `client` must serve no other call while the feed lives.
  FrameFeed(AuditClient& client, const audit::v1::ReadFramesRequest& request);
  ~FrameFeed();
  FrameFeed(const FrameFeed&) = delete;
  FrameFeed& operator=(const FrameFeed&) = delete;

  // fd returns a descriptor that is readable when pop or finished may return something new.
  int fd() const { return fd_.get(); }
  // pop returns the next frame; nothing when none has arrived yet.
  std::optional<Frame> pop();
  // finished returns true when all frames were popped and no more will come. It writes the outcome
  // of the call to `status`.
  bool finished(absl::Status* status);

 private:
  void run(AuditClient& client, const audit::v1::ReadFramesRequest& request);
  bool push(const Frame& frame);
  void wake();

  Fd fd_;
  grpc::ClientContext context_;
  absl::Mutex mutex_;
  std::deque<Frame> frames_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace gatetape::client
