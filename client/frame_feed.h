// FrameFeed reads a session's frames on a thread of its own, ahead of who shows them, so that keys
// and signals are seen while the network is waited for. Bounded: a few megabytes. Main thread but
// for its own.
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

namespace gatetape {

class FrameFeed {
 public:
  // `client` serves no other call while this lives.
  FrameFeed(AuditClient& client, const audit::v1::ReadFramesRequest& request);
  ~FrameFeed();
  FrameFeed(const FrameFeed&) = delete;
  FrameFeed& operator=(const FrameFeed&) = delete;

  // fd becomes readable when pop or finished may have news.
  int fd() const { return fd_.get(); }
  // pop gives the next frame, nothing when none is here yet.
  std::optional<Frame> pop();
  // finished tells whether all frames were popped and no more come; `status` gets why.
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

}  // namespace gatetape
