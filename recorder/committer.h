// Committer: the thread that writes to the store. While one commit runs, the work of all streams is
// collected; all of it goes into the next commit. CommitterCore decides what the thread does. The
// handler threads of the streams submit work, and the committer thread answers their lanes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/os/pause.h"
#include "recorder/committer_core.h"

namespace gatetape::recorder {

class Committer {
 public:
  struct Options {
    // Work::bytes() that may wait. At this limit submit() blocks, and with it the stream that
    // reads.
    uint64_t queue_bytes_max = 0;
    // Called by the committer thread with OK when the store is open, otherwise with the reason why
    // it is not; only when that changes.
    std::function<void(const absl::Status&)> on_store_state;
    // Called by the committer thread when Store::keep_up fails.
    std::function<void(const absl::Status&)> on_upkeep_failed;
    // Signs the entries of the log. Lives longer than the committer.
    const SigningKey* key = nullptr;
    // Lives longer than the committer.
    const Clock* clock = &system_clock();
  };

  // Starts the thread, which opens the store, and opens it again when it failed (50 ms to 1 s
  // apart, without end). Work that waits while the store cannot be opened ends its stream with
  // UNAVAILABLE.
  Committer(std::unique_ptr<Store> store, Options options);
  // Stops the thread.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // submit hands work over. It blocks while queue_bytes_max bytes wait. Any thread but the
  // committer's.
  void submit(std::vector<Work> work);
  // Figures are counted since the start, except for the first and the last, which are as of now.
  struct Figures {
    uint64_t queued_bytes = 0;   // submitted, and not yet answered
    uint64_t rounds = 0;         // of commits, and of refusals while the store was away
    uint64_t failed_rounds = 0;  // after which the store had to be opened again
    uint64_t bytes = 0;          // of work, in all rounds
    uint64_t lists = 0;          // heads lists that were committed
    double round_seconds = 0.0;  // duration of all rounds
    bool store_is_open = false;
  };
  // figures returns the figures as of now. Any thread.
  Figures figures();
  // stop completes all work that was submitted and ends the thread. No submit may follow.
  void stop();

 private:
  void run();
  // take moves submitted work to the core.
  void take();
  void open_store(int64_t now_ns);
  void keep_up(int64_t now_ns);
  void do_round(CommitterCore::Action action, int64_t begin_ns);
  void report(const absl::Status& state);

  const Options options_;
  const std::unique_ptr<Store> store_;  // committer thread
  CommitterCore core_;                  // committer thread
  std::optional<bool> reported_;        // committer thread: was the store reported open or not

  absl::Mutex mutex_;
  std::vector<Work> submitted_ ABSL_GUARDED_BY(mutex_);
  Figures figures_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Pause pause_;         // of the committer thread; woken by submit, ended by stop
  std::thread thread_;  // last, because it uses all members above
};

}  // namespace gatetape::recorder
