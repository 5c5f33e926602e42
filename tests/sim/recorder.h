// Recorder: a double of the recorder's process: the real CommitPolicy and one Store, driven as
// recorder/committer drives them, and the streams. A commit takes place at one instant, at the end
// of its time: what is stored when, and when its answer gets out, are drawn apart. It crashes,
// hangs and drains.
#pragma once

#include <memory>
#include <vector>

#include "base/crypto.h"
#include "recorder/commit_policy.h"
#include "tests/sim/database.h"
#include "tests/sim/stream.h"

namespace gatetape::sim {

class Recorder : public Stream::Owner {
 public:
  Recorder(World* world, Oracle* oracle, Database* database, const SigningKey* key, uint64_t number,
           uint64_t queue_bytes_max);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // accept takes a call; false when the process is down or draining.
  bool accept(const std::shared_ptr<Wire>& wire);
  // crash ends the process at once; it comes back by itself.
  void crash();
  // drain ends it in order: no new streams, and the old ones are asked to go.
  void drain();
  bool is_idle() const { return !busy_ && policy_->empty() && submitted_.empty(); }

  bool has_room() const override { return queued_bytes_ < queue_bytes_max_; }
  void submit(std::vector<recorder::Work> work) override;
  void on_gone(Stream* stream) override;

 private:
  void restart();
  void wake();
  bool open_store();
  void finish_step(uint64_t life);
  void settle(const recorder::CommitPolicy::Outcome& outcome);
  int64_t commit_time_ns();

  World* const world_;
  Oracle* const oracle_;
  const SigningKey* const key_;
  const uint64_t number_;
  const uint64_t queue_bytes_max_;
  Store store_;
  std::unique_ptr<recorder::CommitPolicy> policy_ = std::make_unique<recorder::CommitPolicy>();
  std::vector<recorder::Work> submitted_;
  uint64_t queued_bytes_ = 0;
  std::vector<std::shared_ptr<Stream>> streams_;
  uint64_t life_ = 0;  // counts restarts
  bool up_ = true;
  bool draining_ = false;
  bool open_ = false;
  bool opening_ = false;  // waits to open the store again
  bool busy_ = false;     // a commit is under way
};

}  // namespace gatetape::sim
