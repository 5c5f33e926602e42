// SystemLog: the session of kind `system` in which a daemon records its own decisions, through the
// same gate as every other session. Any thread. The link must be stopped before this object goes.
//
//   kOpen --stop--> kStopping --the recorder closes the session--> kClosed
//   kOpen, kStopping --the record fails--> kFailed
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
#include "base/os/pause.h"
#include "record/event.h"
#include "tee/gate.h"
#include "tee/record_link.h"

namespace gatetape::tee {

class SystemLog : public EventSink {
 public:
  // Daemon is what the `start` frame says about the process.
  struct Daemon {
    std::string name;     // in the record: "gw1"
    std::string program;  // "gatetape-gateway"
  };
  // Done is called once, on a thread of the link or of the caller, and must not block.
  using Done = std::function<void(absl::Status)>;

  // Opens the session and offers its `start` frame.
  SystemLog(RecordLink& link, const Clock& clock, const SigningKey& key, const Daemon& daemon);

  // record_async offers an event. `done` receives OK when it is durable, or UNAVAILABLE at once
  // when 1 MiB of events waits for the recorder, when the record failed, or after stop().
  void record_async(FrameKind kind, const Event& event, Done done);
  // record waits until the event is durable, and returns UNAVAILABLE after `timeout_ms`.
  absl::Status record(FrameKind kind, const Event& event, int64_t timeout_ms = 10'000);
  // stop offers the `stop` frame, signs the head and waits until the recorder has closed the
  // session, at most for `timeout_ms`. One thread.
  absl::Status stop(const std::string& reason, int64_t timeout_ms = 5'000);

  const SessionId& session() const { return session_; }
  void deliver(std::vector<TeeEvent> events) override;

 private:
  enum class State { kOpen, kStopping, kClosed, kFailed };
  using Calls = std::vector<std::pair<Done, absl::Status>>;

  FramePtr seal(FrameKind kind, const Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void offer(FrameKind kind, const Event& event, Done done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // refusal returns why no event is accepted, an empty text when events are accepted.
  std::string refusal() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void begin_stop(const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void take(const TeeEvent& event, Calls* calls) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void fail(std::string why, Calls* calls) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RecordLink& link_;
  const Clock& clock_;
  const SigningKey key_;
  const SessionId session_;
  const int64_t started_mono_ns_;
  uint32_t handle_ = 0;
  Pause ended_;  // ends in kClosed and kFailed
  absl::Mutex mutex_;
  Gate gate_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Done> waiting_ ABSL_GUARDED_BY(mutex_);  // by seq
  State state_ ABSL_GUARDED_BY(mutex_) = State::kOpen;
  std::string failure_ ABSL_GUARDED_BY(mutex_);  // kFailed: why
};

}  // namespace gatetape::tee
