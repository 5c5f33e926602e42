// Record: the real Recording of one session on the simulated link. It reports every offered and
// every released frame to the oracle. A visit or the rules own it.
#pragma once

#include <functional>
#include <string>

#include "gateway/session/recording.h"
#include "gateway/session/session_numbers.h"
#include "tests/sim/link.h"
#include "tests/sim/oracle.h"

namespace gatetape::sim {

class Record : public gateway::RecordPort, public gateway::Recording::Owner, public Link::Sink {
 public:
  // Place lists the objects with which a session is recorded. None is owned.
  struct Place {
    World* world;
    Oracle* oracle;
    Link* link;
    const SigningKey* key;
    gateway::SessionNumbers* numbers = nullptr;  // of the gateway; null for a system session
    const char* run = "";                        // names the gateway in session_open
  };

  // Claim records in the system session that the session of this number exists. It calls `done`
  // with the result, later.
  using Done = std::function<void(const absl::Status&)>;
  using Claim = std::function<void(uint64_t session, const SessionId& id, Done done)>;

  // `claim` is null for the record of the system session itself.
  Record(const Place& place, uint64_t window_bytes, Claim claim);

  // set_owner sets the object that accepts released frames. Without an owner they are dropped.
  void set_owner(gateway::Recording::Owner* owner) { owner_ = owner; }
  gateway::Recording& recording() { return recording_; }
  uint64_t number() const { return number_; }
  // end_in_order is called before the end when the peers have left by themselves. Then everything
  // that was offered must have arrived.
  void end_in_order() { in_order_ = true; }

  // gateway::RecordPort
  int64_t mono_ns() override { return place_.world->mono_ns(); }
  int64_t wall_ns() override { return place_.world->wall_ns(); }
  void claim() override;
  void add(tee::FramePtr frame) override;
  void close(tee::FramePtr last, tee::CloseItem head) override;
  void on_closed(const SessionHead& head) override;
  void on_failed(const std::string& reason) override;
  // gateway::Recording::Owner
  void on_released(tee::FramePtr frame) override;
  void on_record_failed(const std::string& reason) override;
  // Link::Sink
  void on_event(const tee::TeeEvent& event) override;

 private:
  const Place place_;
  const Claim claim_;
  gateway::Recording recording_;
  const uint64_t number_;
  gateway::Recording::Owner* owner_ = nullptr;
  bool in_order_ = false;
};

}  // namespace gatetape::sim
