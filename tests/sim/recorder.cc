#include "tests/sim/recorder.h"

#include <iterator>
#include <utility>

#include "log/entry.h"

namespace gatetape::sim {

using recorder::CommitPolicy;
using recorder::CommitterCore;
using recorder::Work;

namespace {

// limits_of returns limits of a transaction in the proportions of the product, small enough that
// the queue holds more than one transaction.
recorder::CommitLimits limits_of(uint64_t queue_bytes_max) {
  return {.batch_cost_max = queue_bytes_max,
          .session_cost_max = queue_bytes_max / 8,
          .binds_max = 1 + queue_bytes_max / 4096};
}

}  // namespace

Recorder::Recorder(World* world, Oracle* oracle, Database* database, const SigningKey* key,
                   uint64_t number, uint64_t queue_bytes_max)
    : world_(world),
      oracle_(oracle),
      key_(key),
      number_(number),
      queue_bytes_max_(queue_bytes_max),
      store_(world, oracle, database, limits_of(queue_bytes_max).session_cost_max) {
  start();
}

bool Recorder::accept(const std::shared_ptr<Wire>& wire) {
  if (state_ != State::kUp) return false;
  auto call = std::make_shared<RecordCall>(world_, oracle_, this, key_, wire);
  wire->attach(call);
  calls_.push_back(std::move(call));
  return true;
}

void Recorder::crash() {
  if (state_ == State::kDown) return;
  world_->note("recorder dies", 0, number_);
  for (const std::shared_ptr<RecordCall>& call : calls_) call->die();
  calls_.clear();
  core_ = nullptr;
  store_.forget();
  submitted_.clear();
  queued_bytes_ = 0;
  life_++;
  state_ = State::kDown;
  committing_ = false;
  world_->after(world_->rng.between(20 * kMs, 5 * kS), [this] { start(); });
}

void Recorder::drain() {
  if (state_ != State::kUp) return;
  world_->note("recorder drains", 0, number_);
  state_ = State::kDraining;
  for (const std::shared_ptr<RecordCall>& call : calls_) call->drain();
  world_->after(10 * kS, [this, life = life_] {
    if (life == life_) crash();
  });
}

void Recorder::start() {
  state_ = State::kUp;
  core_ = std::make_unique<CommitterCore>(&store_, key_, limits_of(queue_bytes_max_));
  wakes_at_ns_ = 0;
  wake();
}

void Recorder::on_gone(RecordCall* call) {
  std::erase_if(calls_, [call](const auto& one) { return one.get() == call; });
}

void Recorder::submit(std::vector<Work> work) {
  for (const Work& one : work) queued_bytes_ += one.bytes();
  if (queued_bytes_ > queue_bytes_max_ + (1 << 20))
    world_->violate("I7", "the recorder's queue exceeds its limit");
  std::move(work.begin(), work.end(), std::back_inserter(submitted_));
  wake();
}

// wake does the same as Committer::run.
void Recorder::wake() {
  using Action = CommitterCore::Action;
  while (!committing_ && state_ != State::kDown) {
    core_->add(std::exchange(submitted_, {}));
    const int64_t now_ns = world_->now_ns();
    switch (core_->next(now_ns)) {
      case Action::kOpen:
        core_->open(now_ns, world_->rng.bytes(kRunBytes)).IgnoreError();
        break;
      case Action::kKeepUp:
        core_->keep_up(now_ns).IgnoreError();
        break;
      case Action::kRefuseWaiting:
        account(core_->refuse_waiting());
        break;
      case Action::kCommit:
        begin_commit();
        break;
      case Action::kWait:
        store_.check_listed();
        return wake_at(core_->due_ns());
      case Action::kStop:
        return;
    }
  }
}

// Submitted work wakes the recorder without a timer, and a run ends long before the upkeep is due
// again.
void Recorder::wake_at(int64_t at_ns) {
  const int64_t now_ns = world_->now_ns();
  if (at_ns - now_ns > CommitterCore::kUpkeepEveryNs / 2) return;
  if (wakes_at_ns_ > now_ns && wakes_at_ns_ <= at_ns) return;
  wakes_at_ns_ = at_ns;
  world_->after(at_ns - now_ns, [this, life = life_] {
    if (life == life_) wake();
  });
}

int64_t Recorder::commit_time_ns() {
  if (world_->strikes(world_->faults.commit_hangs)) {
    world_->note("commit hangs", 0, number_);
    return world_->rng.between(2 * kS, 60 * kS);
  }
  if (world_->strikes(world_->faults.commit_slow)) return world_->rng.between(20 * kMs, 2 * kS);
  return world_->rng.between(200 * kUs, 2 * kMs);
}

void Recorder::begin_commit() {
  committing_ = true;
  world_->after(commit_time_ns(), [this, life = life_] {
    if (life == life_) finish_commit();
  });
}

void Recorder::finish_commit() {
  if (world_->strikes(world_->faults.crash_before_commit)) return crash();
  const bool dies = world_->strikes(world_->faults.crash_after_commit);
  if (dies)
    for (const std::shared_ptr<RecordCall>& call : calls_) call->die();
  const CommitPolicy::Outcome outcome = core_->commit({world_->now_ns(), world_->wall_ns()});
  if (dies) return crash();
  committing_ = false;
  account(outcome);
  wake();
}

void Recorder::account(const CommitPolicy::Outcome& outcome) {
  if (outcome.bytes > queued_bytes_)
    world_->violate("I7", "the recorder takes more off its queue than was put");
  queued_bytes_ -= outcome.bytes;
}

}  // namespace gatetape::sim
