// World: the environment of the units under test in one run: a virtual clock, the queue of tasks,
// the random numbers and faults of this seed, and the trace. One thread; nothing waits for real
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

// TraceEntry is one event. `what` defines the meaning of the numbers.
struct TraceEntry {
  int64_t at_ns = 0;
  const char* what = nullptr;  // a literal
  uint64_t session = 0;
  uint64_t a = 0;
  uint64_t b = 0;
};

// FlightRecorder holds the newest events of a run. It is in memory that the process shares with its
// parent, which reads it after a violation, a CHECK or a crash.
struct FlightRecorder {
  static constexpr size_t kEntries = 50;
  uint64_t seed = 0;
  uint64_t events = 0;  // number of events of this run; the newest kEntries are kept
  TraceEntry ring[kEntries];
  char oracle[8] = "";
  char text[512] = "";
  uint64_t runs = 0;
  uint64_t frames = 0;
};

// Faults holds the probabilities of the faults of one seed, each per occasion. About half of them
// are 0, so that each seed has few faults and many seeds have many combinations.
struct Faults {
  double link_breaks = 0;  // per message
  double answer_lost =
      0;  // per response: it and all later ones are lost, and the stream stays open
  double delivered_late = 0;  // per end of a stream: messages in transit still arrive
  double connect_fails = 0;
  double duplicates = 0;  // per request: one of its frames is repeated
  double forges = 0;      // per request: one of its frames arrives with other content
  double open_fails = 0;
  double read_fails = 0;
  double commit_fails = 0;  // nothing is stored, and the recorder knows it
  double commit_doubts = 0;
  double commit_slow = 0;
  double commit_hangs = 0;
  double crash_before_commit = 0;
  double crash_after_commit = 0;
  double partial_writes = 0;  // per write to a channel
  double sink_blocks = 0;     // per write to a channel
  double chaos = 0;           // per tick: crash, drain, cut, clock jump, reload of the rules, kill

  static Faults draw(Rng& rng);
};

enum class Call { kStore, kLink, kWrite, kWallClock, kMonoClock };

// FailingCall makes exactly the nth call fail. With `for_good` all later calls of its kind fail
// too.
struct FailingCall {
  uint64_t nth = 0;  // 0 = none
  bool for_good = false;
  // The result of a failing commit: 0 not stored, 1 in doubt and committed, 2 in doubt and not
  // committed.
  int doubt = 0;
  // The error of a failing reading of the wall clock. A failing reading of the monotonic clock,
  // which never goes back, returns the previous value.
  int64_t wall_jump_ns = 0;
};

class World {
 public:
  World(uint64_t seed, FlightRecorder* box, bool trace, const FailingCall& failing);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // now_ns returns the time of this world, which only the simulator knows.
  int64_t now_ns() const { return now_ns_; }
  // wall_ns and mono_ns return the time as the product reads it from base/clock. These calls can
  // fail.
  int64_t wall_ns();
  int64_t mono_ns();
  void jump_wall(int64_t delta_ns) { wall_offset_ns_ += delta_ns; }

  // after starts a task in `delay_ns`. Tasks of the same instant run in the order of the calls.
  void after(int64_t delay_ns, std::function<void()> task);
  // step runs the next task. It returns false when there is none.
  bool step();

  // strikes returns true when a fault of this probability happens now. After heal() it returns
  // false.
  bool strikes(double probability) { return !healed_ && rng.chance(probability); }
  // fails counts a call that can fail, and returns true when the call fails now.
  bool fails(Call call, double probability);
  void heal();
  bool healed() const { return healed_; }
  const FailingCall& failing() const { return failing_; }
  // met returns the kind of the call that FailingCall made fail, or nothing when there was none.
  std::optional<Call> met() const { return met_; }

  void note(const char* what, uint64_t session = 0, uint64_t a = 0, uint64_t b = 0);
  // violate fails the run and ends the process, so that the first violation is the one reported.
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
  int64_t mono_ns_ = 0;  // as it was last read
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
