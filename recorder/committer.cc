#include "recorder/committer.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace gatetape::recorder {

Committer::Committer(std::unique_ptr<Store> store, Options options)
    : options_(std::move(options)),
      store_(std::move(store)),
      core_(store_.get(), options_.key),
      thread_([this] { run(); }) {
  CHECK(options_.queue_bytes_max > 0 && options_.on_store_state && options_.on_upkeep_failed);
  CHECK(options_.key != nullptr);
}

Committer::~Committer() { stop(); }

void Committer::submit(std::vector<Work> work) {
  uint64_t bytes = 0;
  for (const Work& one : work) bytes += one.bytes();
  {
    const absl::MutexLock lock(&mutex_);
    // Work that is larger than the queue passes when the queue has room for one byte.
    const auto has_room = [this] {
      mutex_.AssertReaderHeld();
      return figures_.queued_bytes < options_.queue_bytes_max;
    };
    if (bytes > 0) mutex_.Await(absl::Condition(&has_room));
    CHECK(!stopping_, bytes);
    figures_.queued_bytes += bytes;
    std::move(work.begin(), work.end(), std::back_inserter(submitted_));
  }
  pause_.wake();
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
  pause_.end();
  if (!thread_.joinable()) return;
  thread_.join();
  const absl::MutexLock lock(&mutex_);
  CHECK(submitted_.empty() && figures_.queued_bytes == 0, figures_.queued_bytes);
}

void Committer::take() {
  const absl::MutexLock lock(&mutex_);
  core_.add(std::exchange(submitted_, {}));
  if (stopping_) core_.stop();
}

void Committer::run() {
  using Action = CommitterCore::Action;
  while (true) {
    take();
    const int64_t now_ns = options_.clock->mono_ns();
    switch (const Action action = core_.next(now_ns)) {
      case Action::kOpen:
        open_store(now_ns);
        break;
      case Action::kKeepUp:
        keep_up(now_ns);
        break;
      case Action::kCommit:
      case Action::kRefuseWaiting:
        do_round(action, now_ns);
        break;
      case Action::kWait:
        CHECK(core_.due_ns() > now_ns, core_.due_ns(), now_ns);
        pause_.wait(std::chrono::nanoseconds(core_.due_ns() - now_ns));
        break;
      case Action::kStop:
        return;
    }
  }
}

void Committer::open_store(int64_t now_ns) { report(core_.open(now_ns, random_bytes(kRunBytes))); }

void Committer::keep_up(int64_t now_ns) {
  const absl::Status status = core_.keep_up(now_ns);
  CHECK(core_.is_open() == status.ok(), status.ToString());
  if (!status.ok()) options_.on_upkeep_failed(status);
}

void Committer::do_round(CommitterCore::Action action, int64_t begin_ns) {
  const CommitPolicy::Outcome outcome =
      action == CommitterCore::Action::kCommit
          ? core_.commit({.mono_ns = begin_ns, .wall_ns = options_.clock->wall_ns()})
          : core_.refuse_waiting();
  const int64_t took_ns = options_.clock->mono_ns() - begin_ns;
  {
    const absl::MutexLock lock(&mutex_);
    CHECK(outcome.bytes <= figures_.queued_bytes, outcome.bytes, figures_.queued_bytes);
    figures_.queued_bytes -= outcome.bytes;
    figures_.bytes += outcome.bytes;
    figures_.lists = core_.lists();
    if (action == CommitterCore::Action::kCommit || outcome.bytes > 0) {  // else nothing waited
      figures_.rounds++;
      if (!outcome.status.ok()) figures_.failed_rounds++;
      figures_.round_seconds += static_cast<double>(took_ns) / 1e9;
    }
  }
  if (!outcome.status.ok()) report(outcome.status);
}

void Committer::report(const absl::Status& state) {
  CHECK(state.ok() == core_.is_open(), state.ToString());
  if (reported_ == state.ok()) return;
  reported_ = state.ok();
  {
    const absl::MutexLock lock(&mutex_);
    figures_.store_is_open = state.ok();
  }
  options_.on_store_state(state);
}

}  // namespace gatetape::recorder
