// RecordCall: the adapter around recorder/stream_core in the simulation, as recorder/stream is in
// the product. It passes the messages of the wire to the core, and writes the core's answers after
// a random delay. It decides nothing, and reports to the oracle what passes. Its recorder owns it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "recorder/stream_core.h"
#include "tests/sim/oracle.h"
#include "tests/sim/wire.h"

namespace gatetape::sim {

class RecordCall : public recorder::Lane,
                   public Wire::RecorderEnd,
                   public std::enable_shared_from_this<RecordCall> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual bool has_room() const = 0;
    virtual void submit(std::vector<recorder::Work> work) = 0;
    virtual void on_gone(RecordCall* call) = 0;
  };

  RecordCall(World* world, Oracle* oracle, Owner* owner, const SigningKey* key,
             std::shared_ptr<Wire> wire)
      : world_(world),
        oracle_(oracle),
        owner_(owner),
        wire_(std::move(wire)),
        requests_({.key = key}) {}

  // drain sends the peer a request to leave.
  void drain();
  // die stops the call, because the process has died. Nothing is answered any more.
  void die();

  bool has_room() const override { return owner_->has_room(); }
  void on_message(Message message) override;
  void on_half_close() override;

  void on_bound(uint32_t handle, const recorder::Tail& tail) override;
  void on_durable(uint32_t handle, uint64_t seq, const Hash& root) override;
  void on_closed(uint32_t handle, const recorder::SignedHead& head) override;
  void on_refused(uint32_t handle, const recorder::Refusal& refusal) override;
  void on_failed(const absl::Status& why) override;
  void on_finished() override;

 private:
  enum class State {
    kOpen,
    kHalfClosed,  // the peer sends nothing more
    kDead,        // the process is gone, or the call returned
  };

  // LastFrames holds the last frame of each session (a handle) that waits for an answer.
  using LastFrames = std::map<uint32_t, uint64_t>;

  void take(record::v1::RecordRequest request, std::vector<recorder::Work>* work,
            std::set<uint32_t>* refused);
  void take_odd(const Message& message, record::v1::RecordRequest odd,
                std::vector<recorder::Work>* work);
  void end(const absl::Status& why);
  void finish();
  void wake_writer();
  void write_answers();
  void expect(const recorder::Work& work);
  static void answered(uint32_t handle, uint64_t seq, LastFrames* frames);
  void check_empty(const LastFrames& frames, const std::string& what);

  World* const world_;
  Oracle* const oracle_;
  Owner* const owner_;
  const std::shared_ptr<Wire> wire_;  // shared with the link
  recorder::RequestCore requests_;
  recorder::AnswerCore answers_;
  State state_ = State::kOpen;
  bool writing_ = false;        // a task that calls write_answers is queued
  bool failed_ = false;         // a commit of this call failed
  std::set<uint32_t> refused_;  // handles that the requests' half refused
  std::set<uint32_t> dropped_;  // handles that the committer refused
  std::set<uint32_t> closed_;   // handles
  LastFrames uncommitted_;      // submitted (0 = a bind), and not answered by the committer
  LastFrames unwritten_;        // submitted, and not answered on the wire
};

}  // namespace gatetape::sim
