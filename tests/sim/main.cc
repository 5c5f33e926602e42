// sim: runs the write path in a simulated world, one seed after the other. Runs happen in child
// processes. When a child dies of a violation, a CHECK or a signal, the parent prints the seed, the
// oracle and the last events.
//
//   sim [--from N] [--seeds N] [--jobs N]   a range of seeds (1, 10000, 1)
//   sim --seed N [--trace]                  one seed again
//   sim --regressions                       the seeds that once failed
//   sim --every-call                        the fixed scenario, once per call that can fail
// Exit code: 0 no violation, 1 a violation, 2 wrong usage.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tests/sim/regressions.h"
#include "tests/sim/run.h"

namespace gatetape::sim {
namespace {

struct Options {
  uint64_t from = 1;
  uint64_t seeds = 10'000;
  uint64_t jobs = 1;
  uint64_t seed = 0;
  bool trace = false;
  bool regressions = false;
  bool every_call = false;
};

// Job is a child process, and the flight recorder that outlives it.
struct Job {
  pid_t pid = -1;
  FlightRecorder* box = nullptr;
};

using Body = std::function<void(const Keys&, FlightRecorder*)>;

Job start(const Body& body) {
  void* const shared = mmap(nullptr, sizeof(FlightRecorder), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  Job job;
  job.box = new (shared) FlightRecorder;
  std::fflush(stdout);
  job.pid = fork();
  CHECK(job.pid >= 0, job.pid);
  if (job.pid > 0) return job;
  const Keys keys;
  body(keys, job.box);
  std::fflush(stdout);
  _exit(0);
}

void report(const FlightRecorder& box, int status) {
  const char* const oracle = box.oracle[0] != '\0'         ? box.oracle
                             : WTERMSIG(status) == SIGABRT ? "CHECK"
                                                           : "crash";
  std::printf("the last events before it:\n");
  const uint64_t first =
      box.events > FlightRecorder::kEntries ? box.events - FlightRecorder::kEntries : 0;
  for (uint64_t i = first; i < box.events; i++) print_entry(box.ring[i % FlightRecorder::kEntries]);
  std::printf("seed %" PRIu64 " dies by %s: %s\n", box.seed, oracle, box.text);
}

// finish waits for the jobs. When one fails, it prints the report of that job and stops the others.
int finish(const std::vector<Job>& jobs) {
  uint64_t runs = 0;
  uint64_t frames = 0;
  for (size_t left = jobs.size(); left > 0; left--) {
    int status = 0;
    const pid_t pid = wait(&status);
    for (const Job& job : jobs) {
      if (job.pid != pid) continue;
      runs += job.box->runs;
      frames += job.box->frames;
      if (status == 0) continue;
      report(*job.box, status);
      for (const Job& other : jobs)
        if (other.pid != pid) kill(other.pid, SIGKILL);
      return 1;
    }
  }
  std::printf("%" PRIu64 " runs, %" PRIu64 " frames: everything holds\n", runs, frames);
  return 0;
}

int run_range(const Options& options) {
  std::vector<Job> jobs;
  for (uint64_t at = 0; at < options.jobs; at++) {
    jobs.push_back(start([&options, at](const Keys& keys, FlightRecorder* box) {
      for (uint64_t i = at; i < options.seeds; i += options.jobs)
        run_seed(options.from + i, keys, box, options.trace);
    }));
  }
  return finish(jobs);
}

int run_regressions() {
  for (const Regression& regression : regressions()) {
    std::printf("%s (seed %" PRIu64 "): ", regression.name, regression.seed);
    const int result = finish({start([&regression](const Keys& keys, FlightRecorder* box) {
      run_seed(regression.seed, keys, box, false);
    })});
    if (result != 0) return result;
  }
  return 0;
}

// other_ways returns the other ways in which the call can fail. A failing commit is not stored, in
// doubt and committed, or in doubt and not committed. A failing wall clock is one hour ahead or
// behind.
std::vector<FailingCall> other_ways(FailingCall failing, Call call) {
  std::vector<FailingCall> ways;
  if (call == Call::kStore) {
    for (failing.doubt = 1; failing.doubt <= 2; failing.doubt++) ways.push_back(failing);
  } else if (call == Call::kWallClock) {
    failing.wall_jump_ns = -failing.wall_jump_ns;
    ways.push_back(failing);
  }
  return ways;
}

// fail_every_call runs the scenario with the first, second, third ... failing call, until the
// number is larger than the number of calls.
void fail_every_call(const Keys& keys, FlightRecorder* box) {
  for (const bool for_good : {false, true}) {
    std::map<Call, uint64_t> calls;
    for (FailingCall failing{1, for_good, 0, 3600 * kS};; failing.nth++) {
      const std::optional<Call> call = run_failing(failing, keys, box, false);
      if (!call) break;
      calls[*call]++;
      for (const FailingCall& way : other_ways(failing, *call)) run_failing(way, keys, box, false);
    }
    std::printf("%s: %" PRIu64 " calls of the store, %" PRIu64 " of the link, %" PRIu64
                " writes, %" PRIu64 " readings of the wall clock, %" PRIu64
                " of the monotonic clock, each failed\n",
                for_good ? "for good" : "once", calls[Call::kStore], calls[Call::kLink],
                calls[Call::kWrite], calls[Call::kWallClock], calls[Call::kMonoClock]);
  }
}

bool parse_number(const char* text, uint64_t* number) {
  char* end = nullptr;
  *number = std::strtoull(text, &end, 10);
  return end != text && *end == '\0';
}

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i++) {
    const std::string_view name = argv[i];
    uint64_t* number = name == "--from"    ? &options->from
                       : name == "--seeds" ? &options->seeds
                       : name == "--jobs"  ? &options->jobs
                       : name == "--seed"  ? &options->seed
                                           : nullptr;
    if (number != nullptr) {
      if (++i == argc || !parse_number(argv[i], number)) return false;
    } else if (name == "--trace") {
      options->trace = true;
    } else if (name == "--regressions") {
      options->regressions = true;
    } else if (name == "--every-call") {
      options->every_call = true;
    } else {
      return false;
    }
  }
  return options->jobs > 0;
}

}  // namespace
}  // namespace gatetape::sim

int main(int argc, char** argv) {
  using namespace gatetape::sim;
  Options options;
  if (!parse(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: sim [--from N] [--seeds N] [--jobs N] | --seed N [--trace] | "
                 "--regressions | --every-call\n");
    return 2;
  }
  if (options.regressions) return run_regressions();
  if (options.every_call) return finish({start(fail_every_call)});
  if (options.seed > 0) {
    options.from = options.seed;
    options.seeds = options.jobs = 1;
  }
  return run_range(options);
}
