// CommitterCore: what the committer thread does next: open the store, wait before the next attempt,
// keep the store up, commit (work, a heads list that is due, or both), or end the streams that wait
// while the store cannot be opened. Pure but for the Store that it calls: no thread, lock, clock,
// log or randomness. The adapter is recorder/committer; the simulator drives the same class.
//
//   kClosed --open succeeds--> kOpen
//   kClosed --open fails--> kBackingOff
//   kBackingOff --the pause is over: refuse_waiting--> kClosed
//   kOpen --a commit or the upkeep fails--> kClosed
//   any --stop--> the same states, without pauses, until no work is left, and no list if kOpen
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "recorder/commit_policy.h"

namespace gatetape::recorder {

class CommitterCore {
 public:
  // The pause after a failed attempt to open the store: it doubles from the least to the most, so
  // that a restarted database is found within a second and is not flooded with logins.
  static constexpr int64_t kBackoffMinNs = 50'000'000;
  static constexpr int64_t kBackoffMaxNs = 1'000'000'000;
  // Time between two calls of Store::keep_up. Partitions are made days ahead, so that an
  // hour is often enough.
  static constexpr int64_t kUpkeepEveryNs = 3'600'000'000'000;

  enum class Action {
    kOpen,           // open()
    kKeepUp,         // keep_up()
    kCommit,         // commit()
    kRefuseWaiting,  // refuse_waiting()
    kWait,           // until due_ns(), work or stop(); waking too early does no harm
    kStop,           // nothing more is to be done
  };

  // `store` and `key`, which signs the entries of the log, live longer than this object.
  CommitterCore(Store* store, const SigningKey* key, const CommitLimits& limits = {})
      : store_(store), policy_(key, limits) {}

  // add appends submitted work.
  void add(std::vector<Work> work);
  // stop: no work is added any more; what waits is committed or ended, then next returns kStop.
  void stop();
  bool is_idle() const { return policy_.empty(); }
  // lists returns the number of heads lists that were committed since the start.
  uint64_t lists() const { return policy_.heads().lists(); }
  bool is_open() const { return state_ == State::kOpen; }

  // next returns what to do at `now_ns`, a reading of the monotonic clock. The functions below may
  // be called only when next returned their action.
  Action next(int64_t now_ns) const;
  // due_ns returns the time at which next() changes without new work.
  int64_t due_ns() const;

  // open opens the store. `run` is the run of its lists, kRunBytes random bytes.
  absl::Status open(int64_t now_ns, std::string run);
  // keep_up returns why the upkeep failed. The failure may have cost the connection, so that the
  // store is opened again.
  absl::Status keep_up(int64_t now_ns);
  // commit does one round. After a status that is not OK the store is opened again. `now` is not
  // before the time for which next() returned kCommit.
  CommitPolicy::Outcome commit(const Instant& now);
  // refuse_waiting ends every stream that waits: work is not kept while the store is away.
  CommitPolicy::Outcome refuse_waiting();

 private:
  enum class State { kClosed, kBackingOff, kOpen };

  Store* const store_;
  CommitPolicy policy_;
  State state_ = State::kClosed;
  int64_t backoff_ns_ = kBackoffMinNs;  // the next pause
  int64_t open_due_ns_ = 0;             // kBackingOff: when the pause is over
  int64_t upkeep_due_ns_ = INT64_MIN;   // the first upkeep is due at once
  bool stopping_ = false;
};

}  // namespace gatetape::recorder
