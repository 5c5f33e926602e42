// CommitPolicy: what goes into a commit, and what is answered after it. It knows no thread, clock
// or log, and the store only as an interface, so that a simulator can drive it. The committer
// thread owns it.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "recorder/store.h"
#include "recorder/work.h"

namespace gatetape::recorder {

class CommitPolicy {
 public:
  // add appends work; the order within a stream is kept.
  void add(std::vector<Work> work);
  bool empty() const { return queue_.empty(); }

  // Outcome tells what became of a step.
  struct Outcome {
    size_t bytes = 0;     // Work::bytes() of the work that is done with
    absl::Status status;  // not OK: open the store again before the next step
  };
  // step commits what fits into one transaction (kBatchCostMax, and of one session about
  // kSessionCostMax, so that a busy one keeps nobody waiting), then asks for the tails of binds,
  // and answers all of it. When the store fails, every stream with a part in the step is ended: in
  // doubt is not durable. Rows of another writer, or data that the store refuses, cost only the
  // session that they belong to.
  Outcome step(Store& store);
  // fail_all ends every stream that waits for something.
  Outcome fail_all(const absl::Status& why);

  static constexpr size_t kBatchCostMax = 8 << 20;  // of Work::cost()
  static constexpr size_t kSessionCostMax = 1 << 20;
  static constexpr size_t kBindsMax = 512;

 private:
  struct Owner {
    std::shared_ptr<Lane> lane;
    uint32_t handle;
  };
  // Round is what one step does.
  struct Round {
    std::vector<SessionWrite> writes;
    std::vector<Owner> writers;  // of writes
    std::vector<SessionId> binds;
    std::vector<Owner> binders;  // of binds
    std::vector<std::shared_ptr<Lane>> finished;
    size_t bytes = 0;
    size_t cost = 0;
  };

  Round take_round();
  absl::Status commit(Store& store, const Round& round);
  absl::Status commit_one_by_one(Store& store, const Round& round);
  absl::Status read_tails(Store& store, const Round& round);
  static bool is_dropped(const Work& work);
  static void answer(const SessionWrite& write, const Owner& owner);
  static void refuse(const Owner& owner, const absl::Status& why);
  static void fail(const std::vector<Owner>& owners, size_t from, const absl::Status& why);

  std::deque<Work> queue_;
};

}  // namespace gatetape::recorder
