// Rules: the access rules of the gateways, and the system session of one gateway. The product's
// code reads the rules and decides; the files are random and are read again at any time. Each load
// and each denied session is recorded in a frame. The run owns the object.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/session/access_rules.h"
#include "gateway/session/memory_budget.h"
#include "gateway/session/recorded_answers.h"
#include "policy/access.h"
#include "tests/sim/record.h"

namespace gatetape::sim {

class Rules : public gateway::Recording::Owner, public gateway::RecordedAnswers::Port {
 public:
  // The first file that is loaded contains `first`.
  Rules(const Record::Place& place, const Allowed& first);
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  // draw returns random rules for alice.
  static Allowed draw(Rng& rng);
  // wish returns the session that alice asks for.
  static gateway::SessionWish wish();
  // set_on_change sets the function that is called when new rules are in force.
  void set_on_change(std::function<void()> on_change) { on_change_ = std::move(on_change); }
  // load reads the file again. When it is broken, the old rules stay. New rules take effect when
  // their frame is durable.
  gateway::AccessLoad load(const Allowed& next, bool broken);
  // log_in records a login of alice, and calls `then` when the user may be told that it succeeded.
  // Nothing happens when it cannot be recorded.
  void log_in(std::function<void()> then);
  // is_idle returns true when no login waits for its record.
  bool is_idle() const { return answers_.waiting() == 0 || failed_; }
  // admit returns the grant of a new session of alice, or nothing when it is denied. A denial is
  // recorded. While nothing can be recorded, every session is denied.
  std::optional<Grant> admit();
  // claim records that a session exists. It calls `done` when the frame is durable, or when
  // it cannot be recorded.
  void claim(uint64_t session, const SessionId& id, Record::Done done);
  // stop stops the system session.
  void stop();
  // allowed returns the rules in force, in the form of the simulator.
  const Allowed& allowed() const { return allowed_; }
  const Access& access() const { return *access_; }
  uint64_t number() const { return record_.number(); }
  // memory returns the budget of the gateway. Its size decides how soon alice is above her share.
  gateway::MemoryBudget& memory() { return memory_; }

  void on_released(tee::FramePtr frame) override;
  // gateway::RecordedAnswers::Port
  void record(uint64_t number, FrameKind kind, const Event& event) override;
  void on_unrecorded(const absl::Status&) override {}
  void on_record_failed(const std::string& why) override;

 private:
  // offer records a frame; it calls `done` when the frame is durable, or nothing can be recorded.
  uint64_t offer(FrameKind kind, const Event& event, gateway::AccessLoad::Done done);

  const Record::Place place_;
  gateway::MemoryBudget memory_;
  Record record_;
  // The keys are the sequence numbers of frames that are not durable yet.
  std::map<uint64_t, gateway::AccessLoad::Done> waiting_;
  std::map<uint64_t, Allowed> loads_;
  gateway::RecordedAnswers answers_{*this};
  std::map<uint64_t, uint64_t> questions_;  // sequence numbers of frames by numbers in answers_
  std::shared_ptr<const Access> access_;
  Allowed allowed_;
  std::function<void()> on_change_;
  bool failed_ = false;
};

}  // namespace gatetape::sim
