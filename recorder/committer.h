// Committer: the one thread that writes. While a commit runs, work of all streams gathers; all of
// it goes into the next. Streams' handler threads submit, their lanes are answered by the committer
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/os/pause.h"
#include "recorder/commit_policy.h"

namespace gatetape::recorder {

class Committer {
 public:
  // StoreState is called by the committer thread: OK when the store is open, else why it is not;
  // only when that changes.
  using StoreState = std::function<void(const absl::Status&)>;
  // Complaint is called by the committer thread when the store's upkeep fails.
  using Complaint = std::function<void(const absl::Status&)>;

  // Starts the thread, which opens the store, and opens it again (50 ms to 1 s apart, for ever)
  // when it failed; what waits while it cannot be opened is ended UNAVAILABLE.
  Committer(std::unique_ptr<Store> store, uint64_t queue_bytes_max, StoreState on_state,
            Complaint on_complaint);
  // Stops.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // submit hands work over; it blocks while queue_bytes_max wait (any thread but the committer's).
  void submit(std::vector<Work> work);
  // Figures are what happened since the start, and what waits now.
  struct Figures {
    uint64_t queued_bytes = 0;
    uint64_t rounds = 0;  // of commit or refusal
    uint64_t failed_rounds = 0;
    uint64_t bytes = 0;          // of frames, in all rounds
    double round_seconds = 0.0;  // in all rounds
    bool store_is_open = false;
  };
  // figures gives them as of now. Any thread.
  Figures figures();
  // stop does what was submitted and ends the thread. No submit may come after it began.
  void stop();

 private:
  void run();
  bool open_store();
  void tell(const absl::Status& state);
  void upkeep();
  // take moves what was submitted to the policy; when the policy has nothing it waits for that
  // until the deadline. False when there is nothing more to do.
  bool take(absl::Time deadline);
  void settle(const CommitPolicy::Outcome& outcome, int64_t took_ns);
  bool has_something() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<Store> store_;  // committer thread
  const uint64_t queue_bytes_max_;
  const StoreState on_state_;
  const Complaint on_complaint_;
  CommitPolicy policy_;       // committer thread
  bool open_ = false;         // committer thread
  std::optional<bool> told_;  // committer thread: what on_state_ was told last, open or not
  std::chrono::milliseconds backoff_;             // committer thread
  absl::Time upkeep_due_ = absl::InfinitePast();  // committer thread

  absl::Mutex mutex_;
  std::vector<Work> submitted_ ABSL_GUARDED_BY(mutex_);
  Figures figures_ ABSL_GUARDED_BY(mutex_);  // queued_bytes: submitted, and not yet done with
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Pause stopped_;       // between two tries to open the store
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace gatetape::recorder
