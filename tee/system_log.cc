#include "tee/system_log.h"

#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/os/daemon.h"

namespace gatetape::tee {
namespace {

constexpr uint64_t kWindowBytes = 1 << 20;

}  // namespace

SystemLog::SystemLog(RecordLink& link, const Clock& clock, const SigningKey& key,
                     const std::string& name, const std::string& program)
    : link_(link),
      clock_(clock),
      key_(key),
      session_(SessionId::mint(clock.wall_ns())),
      started_mono_ns_(clock.mono_ns()),
      gate_(session_, random_bytes(kCommitKeyBytes), kWindowBytes) {
  const absl::MutexLock lock(&mutex_);
  handle_ = link_.open(session_, gate_.commit_key(), this);
  Event start{{"kind", "system"}, {"gateway", name}, {"program", program}, {"version", version()}};
  start.add("started_at", std::to_string(clock_.wall_ns()));
  offer(FrameKind::kStart, start, nullptr);
}

void SystemLog::record_async(FrameKind kind, const Event& event, Done done) {
  std::string refusal;
  {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.empty()) {
      refusal = failure_;
    } else if (stopping_) {
      refusal = "shutting down";
    } else if (!gate_.has_room()) {
      refusal = "too much waits for the recorder";
    } else {
      offer(kind, event, std::move(done));
      return;
    }
  }
  if (done) done(absl::UnavailableError(refusal));
}

absl::Status SystemLog::record(FrameKind kind, const Event& event, int64_t timeout_ms) {
  struct Waiter {
    absl::Notification ready;
    absl::Status status;
  };
  // Shared by this thread, which may give up, and the link's reader, which may come later.
  auto waiter = std::make_shared<Waiter>();
  record_async(kind, event, [waiter](absl::Status status) {
    waiter->status = std::move(status);
    waiter->ready.Notify();
  });
  if (!waiter->ready.WaitForNotificationWithTimeout(absl::Milliseconds(timeout_ms)))
    return absl::UnavailableError("the recorder does not answer: " + link_.last_error());
  return waiter->status;
}

absl::Status SystemLog::stop(const std::string& reason, int64_t timeout_ms) {
  const absl::MutexLock lock(&mutex_);
  if (!failure_.empty()) return absl::UnavailableError(failure_);
  if (!stopping_) {
    FramePtr last = seal(FrameKind::kStop, Event{{"reason", reason}});
    stopping_ = true;
    const SessionHead head = gate_.head();
    link_.close(handle_, std::move(last),
                {head.size, head.root, key_.sign(head.signed_text()), key_.public_key().raw});
  }
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || !failure_.empty();
  };
  mutex_.AwaitWithTimeout(absl::Condition(&done), absl::Milliseconds(timeout_ms));
  if (closed_) return absl::OkStatus();
  return absl::UnavailableError(failure_.empty() ? "the recorder does not answer" : failure_);
}

void SystemLog::deliver(std::vector<TeeEvent> events) {
  std::vector<std::pair<Done, absl::Status>> calls;
  {
    const absl::MutexLock lock(&mutex_);
    for (const TeeEvent& event : events) {
      absl::Status status;
      if (event.type == TeeEvent::Type::kDurable) status = gate_.durable(event.seq, event.root);
      if (event.type == TeeEvent::Type::kClosed) closed_ = true;
      if (event.type == TeeEvent::Type::kRefused) status = absl::UnavailableError(event.detail);
      if (!status.ok()) failure_ = std::string(status.message());
      while (FramePtr frame = gate_.release()) {
        const auto it = waiting_.find(frame->frame.seq);
        if (it == waiting_.end()) continue;
        calls.emplace_back(std::move(it->second), absl::OkStatus());
        waiting_.erase(it);
      }
    }
    if (!failure_.empty()) {
      log_error("system_log_failed", {{"reason", failure_}});
      for (auto& [seq, done] : waiting_)
        calls.emplace_back(std::move(done), absl::UnavailableError(failure_));
      waiting_.clear();
    }
  }
  for (auto& [done, status] : calls) done(status);
}

FramePtr SystemLog::seal(FrameKind kind, const Event& event) {
  const auto offset_ns = static_cast<uint64_t>(clock_.mono_ns() - started_mono_ns_);
  return gate_.offer(0, kind, offset_ns, event.encode());
}

void SystemLog::offer(FrameKind kind, const Event& event, Done done) {
  FramePtr frame = seal(kind, event);
  if (done) waiting_[frame->frame.seq] = std::move(done);
  link_.add(handle_, std::move(frame));
}

}  // namespace gatetape::tee
