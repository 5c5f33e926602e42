// Recorder: the process of a recorder in the simulation. It consists of the real CommitterCore and
// one Store, which it calls as recorder/committer does, and of the calls. A commit happens at one
// instant, at the end of its duration; the time of the commit and the time of its answer are drawn
// separately. The process crashes, hangs and drains.
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
  // crash stops the process at once. It is started again some time later.
  void crash();
  // drain stops the process in order: it accepts no new calls, and asks the peers of its calls to
  // leave.
  void drain();

  bool has_room() const override { return queued_bytes_ < queue_bytes_max_; }
  void submit(std::vector<recorder::Work> work) override;
  void on_gone(RecordCall* call) override;
  // check_rest is called when the recorder has nothing to do.
  void check_rest() { store_.check_listed(); }

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
  std::vector<recorder::Work> submitted_;  // work that was submitted since the present commit began
  uint64_t queued_bytes_ = 0;
  std::vector<std::shared_ptr<RecordCall>> calls_;
  uint64_t life_ = 0;  // counts restarts
  State state_ = State::kUp;
  bool committing_ = false;
  int64_t wakes_at_ns_ = 0;  // time of the next wake-up
};

}  // namespace gatetape::sim
