#include "tee/system_log.h"

#include <chrono>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/os/daemon.h"

namespace gatetape::tee {
namespace {

// Events that wait for the recorder, in bytes. At this limit events are refused, so that a flood of
// refused connections cannot fill the memory.
constexpr uint64_t kWindowBytes = 1 << 20;

}  // namespace

SystemLog::SystemLog(RecordLink& link, const Clock& clock, const SigningKey& key,
                     const Daemon& daemon)
    : link_(link),
      clock_(clock),
      key_(key),
      session_(SessionId::mint(clock.wall_ns())),
      started_mono_ns_(clock.mono_ns()),
      gate_(session_, random_bytes(kCommitKeyBytes), kWindowBytes) {
  const absl::MutexLock lock(&mutex_);
  handle_ = link_.open(session_, gate_.keys().commit_key(), this);
  Event start{{"kind", "system"},
              {"gateway", daemon.name},
              {"program", daemon.program},
              {"version", version()}};
  start.add("started_at", std::to_string(clock_.wall_ns()));
  offer(FrameKind::kStart, start, nullptr);
  CHECK(gate_.offered_seq() == 1, gate_.offered_seq());
}

std::string SystemLog::refusal() const {
  switch (state_) {
    case State::kFailed:
      return failure_;
    case State::kStopping:
    case State::kClosed:
      return "shutting down";
    case State::kOpen:
      return gate_.has_room() ? "" : "too much waits for the recorder";
  }
  return {};
}

void SystemLog::record_async(FrameKind kind, const Event& event, Done done) {
  std::string why;
  {
    const absl::MutexLock lock(&mutex_);
    why = refusal();
    if (why.empty()) return offer(kind, event, std::move(done));
  }
  if (done) done(absl::UnavailableError(why));
}

absl::Status SystemLog::record(FrameKind kind, const Event& event, int64_t timeout_ms) {
  struct Waiter {
    Pause pause;
    absl::Status status;  // set before the pause ends
  };
  // Shared by this thread, which may give up, and the link's reader, which may answer later.
  auto waiter = std::make_shared<Waiter>();
  record_async(kind, event, [waiter](absl::Status status) {
    waiter->status = std::move(status);
    waiter->pause.end();
  });
  if (!waiter->pause.wait(std::chrono::milliseconds(timeout_ms)))
    return absl::UnavailableError("the recorder does not answer: " + link_.last_error());
  return waiter->status;
}

absl::Status SystemLog::stop(const std::string& reason, int64_t timeout_ms) {
  {
    const absl::MutexLock lock(&mutex_);
    if (state_ == State::kOpen) begin_stop(reason);
  }
  ended_.wait(std::chrono::milliseconds(timeout_ms));
  const absl::MutexLock lock(&mutex_);
  CHECK(state_ != State::kOpen);
  if (state_ == State::kClosed) return absl::OkStatus();
  return absl::UnavailableError(state_ == State::kFailed ? failure_
                                                         : "the recorder does not answer");
}

void SystemLog::begin_stop(const std::string& reason) {
  FramePtr last = seal(FrameKind::kStop, Event{{"reason", reason}});
  state_ = State::kStopping;
  const SessionHead head = gate_.head();
  CHECK(head.size == last->frame.seq, head.size, last->frame.seq);
  link_.close(handle_, std::move(last),
              {head.size, head.root, key_.sign(head.signed_text()), key_.public_key().raw});
}

void SystemLog::deliver(std::vector<TeeEvent> events) {
  Calls calls;
  {
    const absl::MutexLock lock(&mutex_);
    for (const TeeEvent& event : events) take(event, &calls);
  }
  for (auto& [done, status] : calls) done(status);
}

void SystemLog::take(const TeeEvent& event, Calls* calls) {
  if (state_ == State::kFailed) return;
  switch (event.type) {
    case TeeEvent::Type::kDurable: {
      const absl::Status status = gate_.durable(event.seq, event.root);
      if (!status.ok()) return fail(std::string(status.message()), calls);
      break;
    }
    case TeeEvent::Type::kClosed:
      CHECK(state_ == State::kStopping, static_cast<int>(state_));
      state_ = State::kClosed;
      ended_.end();
      break;
    case TeeEvent::Type::kRefused:
      return fail(event.detail, calls);
  }
  while (const FramePtr frame = gate_.release()) {
    const auto it = waiting_.find(frame->frame.seq);
    if (it == waiting_.end()) continue;
    CHECK(it == waiting_.begin(), it->first);  // frames are released in order
    calls->emplace_back(std::move(it->second), absl::OkStatus());
    waiting_.erase(it);
  }
}

void SystemLog::fail(std::string why, Calls* calls) {
  CHECK(state_ != State::kFailed, failure_);
  state_ = State::kFailed;
  failure_ = why.empty() ? "the recorder refused the session" : std::move(why);
  log_error("system_log_failed", {{"reason", failure_}});
  for (auto& [seq, done] : waiting_)
    calls->emplace_back(std::move(done), absl::UnavailableError(failure_));
  waiting_.clear();
  ended_.end();
}

FramePtr SystemLog::seal(FrameKind kind, const Event& event) {
  CHECK(state_ == State::kOpen, static_cast<int>(state_));
  const auto offset_ns = static_cast<uint64_t>(clock_.mono_ns() - started_mono_ns_);
  return gate_.offer(0, kind, offset_ns, event.encode_within());
}

void SystemLog::offer(FrameKind kind, const Event& event, Done done) {
  FramePtr frame = seal(kind, event);
  if (done) {
    const bool is_new = waiting_.emplace(frame->frame.seq, std::move(done)).second;
    CHECK(is_new, frame->frame.seq);
  }
  link_.add(handle_, std::move(frame));
}

}  // namespace gatetape::tee
