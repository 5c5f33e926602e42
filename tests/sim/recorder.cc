#include "tests/sim/recorder.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gatetape::sim {

using recorder::CommitPolicy;
using recorder::Work;

Recorder::Recorder(World* world, Oracle* oracle, Database* database, const SigningKey* key,
                   uint64_t number, uint64_t queue_bytes_max)
    : world_(world),
      oracle_(oracle),
      key_(key),
      number_(number),
      queue_bytes_max_(queue_bytes_max),
      store_(world, oracle, database) {
  open_store();
}

bool Recorder::accept(const std::shared_ptr<Wire>& wire) {
  if (!up_ || draining_) return false;
  auto stream = std::make_shared<Stream>(world_, oracle_, this, key_, wire);
  wire->attach(stream);
  streams_.push_back(std::move(stream));
  return true;
}

void Recorder::crash() {
  if (!up_) return;
  world_->note("recorder dies", 0, number_);
  for (const std::shared_ptr<Stream>& stream : streams_) stream->die();
  streams_.clear();
  policy_ = std::make_unique<CommitPolicy>();
  submitted_.clear();
  queued_bytes_ = 0;
  life_++;
  up_ = busy_ = open_ = opening_ = draining_ = false;
  world_->after(world_->rng.between(20 * kMs, 5 * kS), [this] { restart(); });
}

void Recorder::drain() {
  if (!up_ || draining_) return;
  world_->note("recorder drains", 0, number_);
  draining_ = true;
  for (const std::shared_ptr<Stream>& stream : streams_) stream->drain();
  world_->after(10 * kS, [this, life = life_] {
    if (life == life_) crash();
  });
}

void Recorder::restart() {
  up_ = true;
  open_store();
}

void Recorder::on_gone(Stream* stream) {
  std::erase_if(streams_, [stream](const auto& one) { return one.get() == stream; });
}

void Recorder::submit(std::vector<Work> work) {
  for (const Work& one : work) queued_bytes_ += one.bytes();
  if (queued_bytes_ > queue_bytes_max_ + (1 << 20))
    world_->violate("I7", "the recorder's queue has no bound");
  std::move(work.begin(), work.end(), std::back_inserter(submitted_));
  wake();
}

bool Recorder::open_store() {
  open_ = store_.open().ok();
  if (open_ || std::exchange(opening_, true)) return open_;
  world_->after(world_->rng.between(50 * kMs, kS), [this, life = life_] {
    if (life != life_) return;
    opening_ = false;
    open_store();
    wake();
  });
  return false;
}

// As Committer::run: what waits while the store is away is ended, not kept.
void Recorder::wake() {
  if (busy_ || (submitted_.empty() && policy_->empty())) return;
  policy_->add(std::exchange(submitted_, {}));
  if (!open_ && (opening_ || !open_store())) {
    settle(policy_->fail_all(absl::UnavailableError("the database cannot be reached")));
    return;
  }
  busy_ = true;
  world_->after(commit_time_ns(), [this, life = life_] { finish_step(life); });
}

int64_t Recorder::commit_time_ns() {
  if (world_->strikes(world_->faults.commit_hangs)) {
    world_->note("commit hangs", 0, number_);
    return world_->rng.between(2 * kS, 60 * kS);
  }
  if (world_->strikes(world_->faults.commit_slow)) return world_->rng.between(20 * kMs, 2 * kS);
  return world_->rng.between(200 * kUs, 2 * kMs);
}

void Recorder::finish_step(uint64_t life) {
  if (life != life_) return;
  if (world_->strikes(world_->faults.crash_before_commit)) return crash();
  const bool dies = world_->strikes(world_->faults.crash_after_commit);
  if (dies)
    for (const std::shared_ptr<Stream>& stream : streams_) stream->die();
  const CommitPolicy::Outcome outcome = policy_->step(store_);
  if (dies) return crash();
  busy_ = false;
  settle(outcome);
  wake();
}

void Recorder::settle(const CommitPolicy::Outcome& outcome) {
  if (outcome.bytes > queued_bytes_)
    world_->violate("I7", "the recorder takes more off its queue than was put");
  queued_bytes_ -= outcome.bytes;
  if (outcome.status.ok()) return;
  open_ = false;
  open_store();
}

}  // namespace gatetape::sim
