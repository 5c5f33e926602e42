// Recorder: the process of a recorder in the simulation: the real CommitterCore and one Store,
// driven as recorder/committer drives them, and the calls. A commit takes place at one instant, at
// the end of its time: what is stored when, and when its answer leaves, are drawn independently.
// The process crashes, hangs and drains.
#pragma once

#include <memory>
#include <vector>

#include "base/crypto.h"
#include "recorder/committer_core.h"
#include "tests/sim/call.h"
#include "tests/sim/database.h"

namespace gatetape::sim {

class Recorder : public RecordCall::Owner {
 public:
  Recorder(World* world, Oracle* oracle, Database* database, const SigningKey* key, uint64_t number,
           uint64_t queue_bytes_max);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // accept starts a call; it returns false when the process is down or drains.
  bool accept(const std::shared_ptr<Wire>& wire);
  // crash ends the process at once; it is started again some time later.
  void crash();
  // drain ends the process in order: it accepts no calls, and asks the peers of others to leave.
  void drain();

  bool has_room() const override { return queued_bytes_ < queue_bytes_max_; }
  void submit(std::vector<recorder::Work> work) override;
  void on_gone(RecordCall* call) override;

 private:
  enum class State { kUp, kDraining, kDown };

  void start();
  void wake();
  void wake_at(int64_t at_ns);
  void begin_commit();
  void finish_commit();
  void account(const recorder::CommitPolicy::Outcome& outcome);
  int64_t commit_time_ns();

  World* const world_;
  Oracle* const oracle_;
  const SigningKey* const key_;
  const uint64_t number_;
  const uint64_t queue_bytes_max_;
  Store store_;
  std::unique_ptr<recorder::CommitterCore> core_;
  std::vector<recorder::Work> submitted_;  // since the commit that runs began
  uint64_t queued_bytes_ = 0;
  std::vector<std::shared_ptr<RecordCall>> calls_;
  uint64_t life_ = 0;  // counts restarts
  State state_ = State::kUp;
  bool committing_ = false;
  int64_t wakes_at_ns_ = 0;  // when the next wake-up is due
};

}  // namespace gatetape::sim
