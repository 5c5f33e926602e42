#include "gateway/rollback_guard.h"

#include <chrono>

#include "base/check.h"
#include "base/os/daemon.h"
#include "gatetape/record/v1/record.pb.h"

namespace gatetape::gateway {
namespace {

// Time between two looks at what there is to do. The log makes a checkpoint at most once per
// second.
constexpr std::chrono::seconds kEvery(1);
constexpr std::chrono::seconds kFirstCheckMax(1);

LogNews news_of(const record::v1::Checkpoint& checkpoint) {
  LogNews news{.note = checkpoint.note(), .old_size = checkpoint.old_size()};
  for (const std::string& bytes : checkpoint.consistency_proof()) {
    // A hash of another length becomes zeroes, with which no proof is good.
    if (!to_hash(bytes, &news.proof.emplace_back())) news.proof.back() = {};
  }
  return news;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RollbackGuard>> RollbackGuard::open(const GatewayConfig& config) {
  if (config.log_keys.empty()) return nullptr;
  absl::StatusOr<std::vector<VerifierKey>> keys = load_log_keys(config.log_keys);
  if (!keys.ok()) return keys.status();
  CheckpointFiles files(config.checkpoint_file);
  const absl::StatusOr<std::string> kept = files.read_checkpoint();
  if (!kept.ok()) return kept.status();
  return std::unique_ptr<RollbackGuard>(
      new RollbackGuard(*std::move(keys), *kept, std::move(files)));
}

void RollbackGuard::start(tee::SystemLog& log) {
  CHECK(log_ == nullptr);
  log_ = &log;
  thread_ = std::thread([this] {
    do {
      step();
    } while (!pause_.wait(kEvery));
  });
  if (!refusal().empty()) checked_.wait(kFirstCheckMax);
}

void RollbackGuard::stop() {
  pause_.end();
  if (thread_.joinable()) thread_.join();
}

std::string RollbackGuard::refusal() {
  const absl::MutexLock lock(&mutex_);
  return core_.refusal();
}

bool RollbackGuard::is_rolled_back() {
  const absl::MutexLock lock(&mutex_);
  return core_.state() == State::kRolledBack;
}

uint64_t RollbackGuard::known_size() {
  const absl::MutexLock lock(&mutex_);
  return core_.known_size();
}

void RollbackGuard::on_checkpoint(const record::v1::Checkpoint& checkpoint) {
  const LogNews news = news_of(checkpoint);
  {
    const absl::MutexLock lock(&mutex_);
    const State before = core_.state();
    if (const auto rollback = core_.on_news(news)) seen_ = rollback;
    if (core_.state() == before) return;
  }
  checked_.end();
  pause_.wake();
}

void RollbackGuard::step() {
  record_rollback();
  keep();
  show_state();
  look_for_acceptance();
}

void RollbackGuard::record_rollback() {
  std::optional<CheckpointGuard::Rollback> seen;
  std::string why;
  {
    const absl::MutexLock lock(&mutex_);
    seen = std::exchange(seen_, std::nullopt);
    why = core_.refusal();
  }
  if (!seen) return;
  log_error("rollback_seen", {{"seen_size", std::to_string(seen->seen_size)},
                              {"found_size", std::to_string(seen->found_size)},
                              {"reason", why}});
  Event event;
  event.add_number("seen_size", seen->seen_size).add_number("found_size", seen->found_size);
  log_->record_async(FrameKind::kRollbackSeen, event, nullptr);
}

void RollbackGuard::keep() {
  std::optional<std::string> text;
  {
    const absl::MutexLock lock(&mutex_);
    text = core_.to_keep();
  }
  if (!text) return;
  const absl::Status written = files_.write_checkpoint(*text);
  report(written);
  if (!written.ok()) return;
  const absl::MutexLock lock(&mutex_);
  core_.on_written(*text);
}

// show_state writes or removes the line for `gatetape doctor` when the state has changed. An
// acceptance that came while nothing was refused is removed, so that it accepts nothing later.
void RollbackGuard::show_state() {
  State state;
  std::string why;
  {
    const absl::MutexLock lock(&mutex_);
    state = core_.state();
    why = core_.refusal();
  }
  if (state == State::kUnchecked || state == noted_) return;
  // At the start an acceptance may be there already: it came while this gateway was down.
  absl::Status shown = noted_ == State::kUnchecked && state == State::kRolledBack
                           ? absl::OkStatus()
                           : files_.remove_others();
  if (state == State::kRolledBack) shown.Update(files_.write_refusal(why));
  report(shown);
  if (shown.ok()) noted_ = state;
}

void RollbackGuard::look_for_acceptance() {
  if (!is_rolled_back()) return;
  const absl::StatusOr<std::optional<Acceptance>> acceptance = files_.read_acceptance();
  report(acceptance.status());
  if (!acceptance.ok() || !*acceptance) return;
  const absl::Status recorded =
      log_->record(FrameKind::kRollbackAccepted,
                   Event{{"by", (*acceptance)->by}, {"reason", (*acceptance)->reason}});
  if (!recorded.ok()) return report(recorded);
  accept(**acceptance);
}

// The frame is durable. The files come next, and sessions last: a gateway that dies in between
// refuses again, or finds what was accepted kept.
void RollbackGuard::accept(const Acceptance& acceptance) {
  std::string text;
  {
    const absl::MutexLock lock(&mutex_);
    text = core_.acceptable();
  }
  absl::Status done = files_.write_checkpoint(text);
  if (done.ok()) done = files_.remove_others();
  if (!done.ok()) return report(done);
  log_warn("rollback_accepted", {{"by", acceptance.by}, {"reason", acceptance.reason}});
  const absl::MutexLock lock(&mutex_);
  core_.on_written(text);
  if (core_.state() == State::kRolledBack) core_.on_accepted();
  noted_ = core_.state();
}

// report writes one line for each failure that is not the same as the one before.
void RollbackGuard::report(const absl::Status& status) {
  if (status.ok() || status.message() == reported_) return;
  reported_ = std::string(status.message());
  log_error("checkpoint_not_kept", {{"reason", reported_}});
}

}  // namespace gatetape::gateway
