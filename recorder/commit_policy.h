// CommitPolicy: what goes into a commit, and what is answered after it. Pure but for the Store that
// it calls: no thread, clock or log. The committer thread owns it; the simulator drives the same
// class.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/crypto.h"
#include "recorder/heads_core.h"
#include "recorder/store.h"
#include "recorder/work.h"

namespace gatetape::recorder {

// CommitLimits bounds one transaction. The simulator makes them small, so that every limit is
// reached.
struct CommitLimits {
  // Work::cost() of one transaction. The work that exceeds it is the last one of the step, and
  // the rest waits, so that a keystroke is not delayed by everything that a bulk transfer queued.
  size_t batch_cost_max = 8 << 20;
  // Work::cost() of one session in a transaction: an eighth of batch_cost_max. What exceeds it
  // waits for the next transaction.
  size_t session_cost_max = 1 << 20;
  // Binds in one step, each of which is a query. More of them wait for the next step.
  size_t binds_max = 512;
};

class CommitPolicy {
 public:
  // `key` signs the entries of the log. It lives longer than this object.
  explicit CommitPolicy(const SigningKey* key, const CommitLimits& limits = {})
      : limits_(limits), heads_(key) {}

  // add appends work. The order of the work of one session is kept.
  void add(std::vector<Work> work);
  bool empty() const { return queue_.empty(); }
  // heads returns what knows which heads list is due. step makes the lists.
  const HeadsCore& heads() const { return heads_; }
  HeadsCore& heads() { return heads_; }

  // Outcome is the result of a step.
  struct Outcome {
    size_t bytes = 0;     // Work::bytes() of the work that left the queue
    absl::Status status;  // not OK: the store must be opened again before the next step
  };
  // step commits what fits into one transaction (batch_cost_max, and about session_cost_max of one
  // session, so that a busy session does not delay the others) together with its heads lists, also
  // a list that is due and nothing else. Then it asks the store for the tails of binds, and answers
  // all of it. When the store fails, every stream with a part in the step
  // ends, because a commit in doubt is not durable. When rows of another writer are in the way, or
  // the store refuses the data, only that session is refused.
  Outcome step(Store& store, const Instant& now);
  // fail_all ends every stream that has work in the queue, and empties the queue.
  Outcome fail_all(const absl::Status& why);

 private:
  struct Owner {
    std::shared_ptr<Lane> lane;
    uint32_t handle;
  };
  // Round is the work of one step. `writers` and `binders` have one entry for each of `writes` and
  // `binds`.
  struct Round {
    std::vector<SessionWrite> writes;
    std::vector<Owner> writers;  // of writes
    std::vector<SessionId> binds;
    std::vector<Owner> binders;  // of binds
    std::vector<std::shared_ptr<Lane>> finished;
    size_t bytes = 0;
    size_t cost = 0;
  };

  void check(const Round& round) const;
  Round take_round();
  absl::Status commit(Store& store, const Round& round, const Instant& now);
  absl::Status commit_one_by_one(Store& store, const Round& round, const Instant& now);
  // store_all stores the writes and their lists in one transaction.
  absl::Status store_all(Store& store, absl::Span<const SessionWrite> writes, const Instant& now,
                         bool with_live);
  absl::Status read_tails(Store& store, const Round& round);
  static bool is_dropped(const Work& work);
  static void answer(const SessionWrite& write, const Owner& owner);
  static void refuse(const Owner& owner, const absl::Status& why);
  static void fail(const std::vector<Owner>& owners, size_t from, const absl::Status& why);

  const CommitLimits limits_;
  std::deque<Work> queue_;
  HeadsCore heads_;
};

}  // namespace gatetape::recorder
