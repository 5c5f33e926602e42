#include "recorder/committer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "base/clock.h"

namespace gatetape::recorder {
namespace {

constexpr std::chrono::milliseconds kBackoffMin(50);
constexpr std::chrono::milliseconds kBackoffMax(1000);
constexpr absl::Duration kUpkeepEvery = absl::Hours(1);

}  // namespace

Committer::Committer(std::unique_ptr<Store> store, uint64_t queue_bytes_max, StoreState on_state,
                     Complaint on_complaint)
    : store_(std::move(store)),
      queue_bytes_max_(queue_bytes_max),
      on_state_(std::move(on_state)),
      on_complaint_(std::move(on_complaint)),
      backoff_(kBackoffMin),
      thread_([this] { run(); }) {}

Committer::~Committer() { stop(); }

void Committer::submit(std::vector<Work> work) {
  uint64_t bytes = 0;
  for (const Work& one : work) bytes += one.bytes();
  const absl::MutexLock lock(&mutex_);
  // One that is larger than the queue may pass when it is alone.
  const auto fits = [this] {
    mutex_.AssertReaderHeld();
    return figures_.queued_bytes < queue_bytes_max_ || stopping_;
  };
  if (bytes > 0) mutex_.Await(absl::Condition(&fits));
  figures_.queued_bytes += bytes;
  std::move(work.begin(), work.end(), std::back_inserter(submitted_));
}

Committer::Figures Committer::figures() {
  const absl::MutexLock lock(&mutex_);
  return figures_;
}

void Committer::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stopped_.end();
  if (thread_.joinable()) thread_.join();
}

bool Committer::has_something() const { return !submitted_.empty() || stopping_; }

bool Committer::take(absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  if (policy_.empty())
    mutex_.AwaitWithDeadline(absl::Condition(this, &Committer::has_something), deadline);
  policy_.add(std::exchange(submitted_, {}));
  return !policy_.empty() || !stopping_;
}

void Committer::run() {
  while (true) {
    if (!open_ && !open_store()) stopped_.wait(backoff_);
    if (open_) upkeep();
    if (!take(open_ ? upkeep_due_ : absl::InfinitePast())) return;
    if (policy_.empty()) continue;
    const int64_t begin_ns = system_clock().mono_ns();
    const CommitPolicy::Outcome outcome =
        open_ ? policy_.step(*store_)
              : policy_.fail_all(absl::UnavailableError("the database cannot be reached"));
    settle(outcome, system_clock().mono_ns() - begin_ns);
  }
}

bool Committer::open_store() {
  const absl::Status status = store_->open();
  open_ = status.ok();
  backoff_ = open_ ? kBackoffMin : std::min(backoff_ * 2, kBackoffMax);
  tell(status);
  return open_;
}

void Committer::tell(const absl::Status& state) {
  if (told_ == state.ok()) return;
  told_ = state.ok();
  {
    const absl::MutexLock lock(&mutex_);
    figures_.store_is_open = state.ok();
  }
  on_state_(state);
}

void Committer::upkeep() {
  if (absl::Now() < upkeep_due_) return;
  upkeep_due_ = absl::Now() + kUpkeepEvery;
  const absl::Status status = store_->keep_up();
  if (status.ok()) return;
  on_complaint_(status);
  open_ = false;  // it may have cost the connection
}

void Committer::settle(const CommitPolicy::Outcome& outcome, int64_t took_ns) {
  {
    const absl::MutexLock lock(&mutex_);
    figures_.queued_bytes -= outcome.bytes;
    figures_.bytes += outcome.bytes;
    figures_.rounds++;
    if (!outcome.status.ok()) figures_.failed_rounds++;
    figures_.round_seconds += static_cast<double>(took_ns) / 1e9;
  }
  if (outcome.status.ok()) return;
  open_ = false;
  tell(outcome.status);
}

}  // namespace gatetape::recorder
