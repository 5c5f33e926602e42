#include "tests/sim/run.h"

#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <optional>

#include "tests/sim/contiguity.h"
#include "tests/sim/visit.h"

namespace gatetape::sim {
namespace {

// Time after heal() within which every session must get its end. It is longer than all back-offs,
// stalls and hangs together.
constexpr int64_t kRestNs = 400 * kS;

class Run {
 public:
  Run(World* world, const Keys& keys, const Allowed& first_rules)
      : world_(world),
        keys_(keys),
        oracle_(world),
        database_(world, &oracle_),
        recorders_{
            Recorder(world, &oracle_, &database_, &keys.recorders[0], 1, queue_bytes(world)),
            Recorder(world, &oracle_, &database_, &keys.recorders[1], 2, queue_bytes(world))},
        links_{Link(world, &oracle_, {&recorders_[0], &recorders_[1]}),
               Link(world, &oracle_, {&recorders_[1], &recorders_[0]})},
        rules_({.world = world, .oracle = &oracle_, .link = &links_[0], .key = &keys.gateway},
               first_rules) {
    rules_.set_on_change([this] {
      for (Visit& visit : visits_) visit.on_rules_changed(rules_);
    });
  }

  void add(const SessionPlan& plan);
  void chaos();
  // stop stops the system session of the gateway.
  void stop();
  // run_until_complete runs until every session has ended and has its head, at most until a time.
  bool run_until_complete(int64_t until_ns);
  void check();
  void check_nobody_thrown_out() { oracle_.check_nobody_thrown_out(); }
  void finish(FlightRecorder* box) const;

 private:
  static uint64_t queue_bytes(World* world) { return uint64_t{2048} << world->rng.below(10); }
  bool complete() const;
  void disturb();
  void reload();
  void begin(const SessionPlan& plan);
  void harm(Visit& visit);
  // step runs the next task, and then checks every session.
  void step();

  World* const world_;
  const Keys& keys_;
  Oracle oracle_;
  Database database_;
  std::array<Recorder, 2> recorders_;
  std::array<Link, 2> links_;  // one per gateway
  std::array<gateway::SessionNumbers, 2> numbers_;
  Rules rules_;  // of both gateways; the first one records the loads
  std::list<Visit> visits_;
  size_t expected_ = 0;  // sessions that have not started yet
  bool stopped_ = false;
};

void Run::add(const SessionPlan& plan) {
  expected_++;
  world_->after(plan.starts_after_ns, [this, plan] {
    expected_--;
    rules_.log_in([this, plan] { begin(plan); });
  });
}

void Run::begin(const SessionPlan& plan) {
  const size_t gateway = world_->rng.below(2);
  const std::optional<Grant> grant = rules_.admit();
  if (!grant) return;
  Visit& visit =
      visits_.emplace_back(Record::Place{world_, &oracle_, &links_[gateway], &keys_.gateway,
                                         &numbers_[gateway], gateway == 0 ? "first" : "second"},
                           rules_, *grant, plan);
  if (!world_->strikes(0.02)) return;
  oracle_.excuse(visit.number());
  database_.poison(visit.id(), world_->rng.below(20) + 1);
}

void Run::chaos() {
  world_->after(world_->rng.between(50 * kMs, 500 * kMs), [this] {
    if (world_->healed()) return;
    if (world_->strikes(world_->faults.chaos)) disturb();
    chaos();
  });
}

void Run::disturb() {
  switch (world_->rng.below(6)) {
    case 0:
      return recorders_[world_->rng.below(2)].crash();
    case 1:
      return recorders_[world_->rng.below(2)].drain();
    case 2:
      return links_[world_->rng.below(2)].cut();
    case 3:
      world_->note("the wall clock jumps");
      return world_->jump_wall(world_->rng.chance(0.5) ? -3600 * kS : 3600 * kS);
    case 4:
      return reload();
    default:
      if (visits_.empty()) return;
      return harm(visits_.front());
  }
}

void Run::harm(Visit& visit) {
  const uint64_t what = world_->rng.below(10);
  if (what > 4 || visit.over()) return;
  if (what > 2) return visit.lose(what == 3 ? Side::kUser : Side::kTarget);
  world_->note("a session is killed", visit.number());
  visit.kill();
}

void Run::step() {
  world_->step();
  for (Visit& visit : visits_) visit.check();
}

void Run::reload() { rules_.load(Rules::draw(world_->rng), world_->rng.chance(0.2)); }

void Run::stop() {
  stopped_ = true;
  rules_.stop();
}

bool Run::complete() const {
  const auto is_complete = [this](const auto& one) { return oracle_.is_complete(one.number()); };
  return expected_ == 0 && rules_.is_idle() &&
         std::all_of(visits_.begin(), visits_.end(), is_complete) &&
         (!stopped_ || is_complete(rules_));
}

bool Run::run_until_complete(int64_t until_ns) {
  while (!complete()) {
    if (world_->now_ns() >= until_ns) return false;
    step();
  }
  return true;
}

// An abandoned backend may still commit after the sessions have their heads, so check waits longer
// than the longest delay of such a commit.
void Run::check() {
  const int64_t until_ns = world_->now_ns() + 65 * kS;
  while (world_->now_ns() < until_ns) step();
  oracle_.check_rest();
  for (Recorder& recorder : recorders_) recorder.check_rest();
  check_evidence(world_, oracle_, database_, keys_);
  check_contiguity(world_, oracle_, database_);
}

void Run::finish(FlightRecorder* box) const {
  box->runs++;
  for (uint64_t session = 1; session <= oracle_.sessions(); session++)
    box->frames += oracle_.offered(session);
}

}  // namespace

void run_seed(uint64_t seed, const Keys& keys, FlightRecorder* box, bool trace) {
  World world(seed, box, trace, FailingCall{});
  world.faults = Faults::draw(world.rng);
  Run run(&world, keys, Rules::draw(world.rng));
  for (uint64_t i = world.rng.below(4) + 1; i > 0; i--) run.add(draw_plan(world.rng));
  run.chaos();
  run.run_until_complete(world.rng.between(5 * kS, 60 * kS));
  world.heal();
  run.run_until_complete(world.now_ns() + kRestNs);
  run.stop();
  run.run_until_complete(world.now_ns() + kRestNs);
  run.check();
  run.finish(box);
}

std::optional<Call> run_failing(const FailingCall& failing, const Keys& keys, FlightRecorder* box,
                                bool trace) {
  World world(1, box, trace, failing);
  box->seed = failing.nth;
  Run run(&world, keys, Allowed{});
  run.add(fixed_plan());
  run.run_until_complete(60 * kS);  // A session that cannot continue ends after its freeze.
  world.heal();
  run.run_until_complete(world.now_ns() + kRestNs);
  run.stop();
  run.run_until_complete(world.now_ns() + kRestNs);
  run.check();
  const std::optional<Call> met = world.met();
  if (met == Call::kWallClock || met == Call::kMonoClock) run.check_nobody_thrown_out();
  run.finish(box);
  return met;
}

}  // namespace gatetape::sim
