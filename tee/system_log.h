// SystemLog: a daemon's own session of kind `system`: what it decided, written through the same
// gate as everything else. Any thread. The link must be stopped before this goes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "record/event.h"
#include "tee/gate.h"
#include "tee/record_link.h"

namespace gatetape::tee {

class SystemLog : public EventSink {
 public:
  // Done is called once, on a link thread or the caller's, and must not block.
  using Done = std::function<void(absl::Status)>;

  // Opens the session and offers its `start` frame. `name` is the daemon's name in the record.
  SystemLog(RecordLink& link, const Clock& clock, const SigningKey& key, const std::string& name,
            const std::string& program);

  // record_async offers an event; `done` gets OK when it is durable. UNAVAILABLE at once when too
  // much waits already or the record failed.
  void record_async(FrameKind kind, const Event& event, Done done);
  // record waits until the event is durable; UNAVAILABLE after `timeout_ms`.
  absl::Status record(FrameKind kind, const Event& event, int64_t timeout_ms = 10'000);
  // stop offers the `stop` frame, signs the head and waits until it is closed or `timeout_ms`
  // passed.
  absl::Status stop(const std::string& reason, int64_t timeout_ms = 5'000);

  const SessionId& session() const { return session_; }
  void deliver(std::vector<TeeEvent> events) override;

 private:
  FramePtr seal(FrameKind kind, const Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void offer(FrameKind kind, const Event& event, Done done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RecordLink& link_;
  const Clock& clock_;
  const SigningKey key_;
  const SessionId session_;
  const int64_t started_mono_ns_;
  uint32_t handle_ = 0;
  absl::Mutex mutex_;
  Gate gate_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Done> waiting_ ABSL_GUARDED_BY(mutex_);  // by seq
  std::string failure_ ABSL_GUARDED_BY(mutex_);               // why nothing is recorded any more
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gatetape::tee
