// World: what surrounds the units under test in one run: a virtual clock, the queue of what happens
// next, chance, the faults of this seed, and the trace. One thread; nothing here waits for real
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/rng.h"

namespace gatetape::sim {

constexpr int64_t kUs = 1'000;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kS = 1'000'000'000;

// TraceEntry is one event; the numbers mean what `what` says.
struct TraceEntry {
  int64_t at_ns = 0;
  const char* what = nullptr;  // a literal
  uint64_t session = 0;
  uint64_t a = 0;
  uint64_t b = 0;
};

// FlightRecorder outlives the process that runs: it is in memory shared with its parent, who reads
// it after a violation, a CHECK or a crash.
struct FlightRecorder {
  static constexpr size_t kEntries = 50;
  uint64_t seed = 0;
  uint64_t events = 0;  // of this run; the newest kEntries are kept
  TraceEntry ring[kEntries];
  char oracle[8] = "";
  char text[512] = "";
  uint64_t runs = 0;
  uint64_t frames = 0;
};

// Faults are the probabilities of one seed, each for one occasion; about half of them are 0, so
// that a seed shows a few faults in many combinations.
struct Faults {
  double link_breaks = 0;     // a message
  double answer_lost = 0;     // a response, and all after it, while the stream seems to live
  double delivered_late = 0;  // what was on its way when a stream ended
  double connect_fails = 0;
  double duplicates = 0;  // a request: one of its frames comes twice
  double forges = 0;      // a request: one of its frames comes with other content
  double open_fails = 0;
  double read_fails = 0;
  double commit_fails = 0;  // certainly not stored
  double commit_doubts = 0;
  double commit_slow = 0;
  double commit_hangs = 0;
  double crash_before_commit = 0;
  double crash_after_commit = 0;
  double partial_writes = 0;  // a write to a channel
  double sink_blocks = 0;     // a write to a channel
  double chaos = 0;           // a tick: crash, drain, cut, clock jump, reload of the rules, kill

  static Faults draw(Rng& rng);
};

enum class Call { kStore, kLink, kWrite, kWallClock, kMonoClock };

// FailingCall makes exactly the nth call fail; for good: all later ones of its sort too.
struct FailingCall {
  uint64_t nth = 0;  // 0 = none
  bool for_good = false;
  // What a failing commit does: 0 not stored, 1 in doubt and done, 2 in doubt and not.
  int doubt = 0;
  // By how much a failing reading of the wall clock is wrong. One of the monotonic clock, which
  // never goes back, stands still.
  int64_t wall_jump_ns = 0;
};

class World {
 public:
  World(uint64_t seed, FlightRecorder* box, bool trace, const FailingCall& failing);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // now_ns is the time of this world, which only the harness knows.
  int64_t now_ns() const { return now_ns_; }
  // wall_ns and mono_ns are readings of base/clock, as the product makes them: calls that can fail.
  int64_t wall_ns();
  int64_t mono_ns();
  void jump_wall(int64_t delta_ns) { wall_offset_ns_ += delta_ns; }

  // after has a task run `delay_ns` from now; tasks of one instant run in the order they were put.
  void after(int64_t delay_ns, std::function<void()> task);
  // step runs the next task; false when there is none.
  bool step();

  // strikes tells whether a fault of this probability happens now. Never after heal().
  bool strikes(double probability) { return !healed_ && rng.chance(probability); }
  // fails is strikes for a call that can fail; such calls are counted.
  bool fails(Call call, double probability);
  void heal();
  bool healed() const { return healed_; }
  const FailingCall& failing() const { return failing_; }
  // met gives the call that was made to fail, nothing when it never came.
  std::optional<Call> met() const { return met_; }

  void note(const char* what, uint64_t session = 0, uint64_t a = 0, uint64_t b = 0);
  // violate ends the process: the first violation is the one that matters.
  [[noreturn]] void violate(const char* oracle, const std::string& text);

  Rng rng;
  Faults faults;

 private:
  struct Task {
    int64_t at_ns;
    uint64_t number;
    std::function<void()> run;
    bool operator<(const Task& other) const {  // for a heap with the earliest on top
      return at_ns != other.at_ns ? at_ns > other.at_ns : number > other.number;
    }
  };

  FlightRecorder* const box_;
  const bool trace_;
  const FailingCall failing_;
  int64_t now_ns_ = 0;
  int64_t mono_ns_ = 0;  // as it was read last
  int64_t wall_offset_ns_ = 1'790'000'000 * kS;
  std::vector<Task> tasks_;  // a heap
  uint64_t tasks_put_ = 0;
  bool healed_ = false;
  uint64_t calls_ = 0;
  std::optional<Call> met_;
};

// print_entry writes one line of a trace to standard output.
void print_entry(const TraceEntry& entry);

}  // namespace gatetape::sim
