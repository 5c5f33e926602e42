#include "tests/sim/world.h"

#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace gatetape::sim {
namespace {

constexpr uint64_t kTasksMax = 2'000'000;

}  // namespace

Faults Faults::draw(Rng& rng) {
  Faults faults;
  constexpr double kSizes[] = {0.003, 0.01, 0.03, 0.1, 0.3};
  const auto some = [&rng, &kSizes](double share, double scale) {
    return rng.chance(share) ? kSizes[rng.below(std::size(kSizes))] * scale : 0;
  };
  if (rng.chance(0.05)) return faults;  // no faults
  faults.link_breaks = some(0.5, 0.3);
  faults.answer_lost = some(0.3, 0.3);
  faults.delivered_late = some(0.7, 3);
  faults.connect_fails = some(0.4, 1);
  faults.duplicates = some(0.4, 1);
  faults.forges = some(0.1, 0.1);
  faults.open_fails = some(0.4, 1);
  faults.read_fails = some(0.4, 1);
  faults.commit_fails = some(0.5, 0.5);
  faults.commit_doubts = some(0.6, 1);
  faults.commit_slow = some(0.5, 1);
  faults.commit_hangs = some(0.4, 0.3);
  faults.crash_before_commit = some(0.3, 0.3);
  faults.crash_after_commit = some(0.3, 0.3);
  faults.partial_writes = some(0.7, 3);
  faults.sink_blocks = some(0.5, 1);
  faults.chaos = some(0.5, 1);
  return faults;
}

World::World(uint64_t seed, FlightRecorder* box, bool trace, const FailingCall& failing)
    : rng(seed), box_(box), trace_(trace), failing_(failing) {
  box_->seed = seed;
  box_->events = 0;
}

int64_t World::wall_ns() {
  const bool wrong = fails(Call::kWallClock, 0);
  return now_ns_ + wall_offset_ns_ + (wrong ? failing_.wall_jump_ns : 0);
}

int64_t World::mono_ns() {
  if (!fails(Call::kMonoClock, 0)) mono_ns_ = now_ns_;
  return mono_ns_;
}

void World::after(int64_t delay_ns, std::function<void()> task) {
  tasks_.push_back({now_ns_ + std::max<int64_t>(delay_ns, 0), tasks_put_++, std::move(task)});
  std::push_heap(tasks_.begin(), tasks_.end());
}

bool World::step() {
  if (tasks_.empty()) return false;
  if (tasks_put_ > kTasksMax) violate("I9", "the run does not come to rest");
  std::pop_heap(tasks_.begin(), tasks_.end());
  const Task task = std::move(tasks_.back());
  tasks_.pop_back();
  now_ns_ = task.at_ns;
  task.run();
  return true;
}

bool World::fails(Call call, double probability) {
  if (failing_.nth == 0) return probability > 0 && strikes(probability);
  if (healed_) return false;
  calls_++;
  if (calls_ == failing_.nth) {
    met_ = call;
    note("this call fails", 0, calls_, static_cast<uint64_t>(call));
    return true;
  }
  return failing_.for_good && met_ == call;
}

void World::heal() {
  note("the faults stop");
  healed_ = true;
}

void World::note(const char* what, uint64_t session, uint64_t a, uint64_t b) {
  TraceEntry& entry = box_->ring[box_->events++ % FlightRecorder::kEntries];
  entry = {now_ns_, what, session, a, b};
  if (trace_) print_entry(entry);
}

void World::violate(const char* oracle, const std::string& text) {
  std::snprintf(box_->oracle, sizeof box_->oracle, "%s", oracle);
  std::snprintf(box_->text, sizeof box_->text, "%s", text.c_str());
  std::fflush(stdout);
  _exit(1);
}

void print_entry(const TraceEntry& entry) {
  std::printf("  %14.6f s  session %" PRIu64 "  %s", static_cast<double>(entry.at_ns) / 1e9,
              entry.session, entry.what);
  if (entry.a != 0 || entry.b != 0) std::printf("  %" PRIu64 "  %" PRIu64, entry.a, entry.b);
  std::printf("\n");
}

}  // namespace gatetape::sim
