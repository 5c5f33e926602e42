#include "recorder/committer_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gatetape::recorder {

void CommitterCore::add(std::vector<Work> work) {
  CHECK(!stopping_ || work.empty(), work.size());
  policy_.add(std::move(work));
}

void CommitterCore::stop() {
  stopping_ = true;
  policy_.heads().stop();
}

CommitterCore::Action CommitterCore::next(int64_t now_ns) const {
  const bool owes_list = state_ == State::kOpen && policy_.heads().has_unlisted();
  if (stopping_ && policy_.empty() && !owes_list) return Action::kStop;
  switch (state_) {
    case State::kClosed:
      return Action::kOpen;
    case State::kBackingOff:
      return now_ns < open_due_ns_ && !stopping_ ? Action::kWait : Action::kRefuseWaiting;
    case State::kOpen:
      if (now_ns >= upkeep_due_ns_ && !stopping_) return Action::kKeepUp;
      return policy_.empty() && now_ns < policy_.heads().due_ns() ? Action::kWait : Action::kCommit;
  }
  return Action::kWait;
}

int64_t CommitterCore::due_ns() const {
  CHECK(state_ != State::kClosed);
  return state_ == State::kOpen ? std::min(upkeep_due_ns_, policy_.heads().due_ns()) : open_due_ns_;
}

absl::Status CommitterCore::open(int64_t now_ns, std::string run) {
  CHECK(state_ == State::kClosed, static_cast<int>(state_));
  absl::Status status = store_->open();
  if (status.ok()) {
    policy_.heads().begin_run(std::move(run), now_ns);
    state_ = State::kOpen;
    backoff_ns_ = kBackoffMinNs;
    return status;
  }
  state_ = State::kBackingOff;
  open_due_ns_ = now_ns + backoff_ns_;
  backoff_ns_ = std::min(backoff_ns_ * 2, kBackoffMaxNs);
  CHECK(backoff_ns_ > kBackoffMinNs && open_due_ns_ > now_ns, backoff_ns_, now_ns);
  return status;
}

absl::Status CommitterCore::keep_up(int64_t now_ns) {
  CHECK(state_ == State::kOpen, static_cast<int>(state_));
  CHECK(now_ns >= upkeep_due_ns_, now_ns, upkeep_due_ns_);
  upkeep_due_ns_ = now_ns + kUpkeepEveryNs;
  CHECK(upkeep_due_ns_ > now_ns, now_ns);
  absl::Status status = store_->keep_up();
  if (!status.ok()) state_ = State::kClosed;
  return status;
}

CommitPolicy::Outcome CommitterCore::commit(const Instant& now) {
  CHECK(state_ == State::kOpen, static_cast<int>(state_));
  CHECK(!policy_.empty() || policy_.heads().due_ns() <= now.mono_ns, now.mono_ns);
  CommitPolicy::Outcome outcome = policy_.step(*store_, now);
  if (!outcome.status.ok()) state_ = State::kClosed;
  return outcome;
}

CommitPolicy::Outcome CommitterCore::refuse_waiting() {
  CHECK(state_ == State::kBackingOff, static_cast<int>(state_));
  state_ = State::kClosed;
  return policy_.fail_all(absl::UnavailableError("the database cannot be reached"));
}

}  // namespace gatetape::recorder
