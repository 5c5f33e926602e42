// Recording: a double of gateway/session/recording, which needs a loop and the gateway's services:
// the real Gate, one session's place on the link, and its end.
#pragma once

#include <string>

#include "base/crypto.h"
#include "record/event.h"
#include "tests/sim/link.h"

namespace gatetape::sim {

class Recording : public Link::Sink {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_released(tee::FramePtr frame) = 0;
    virtual void on_record_failed(const std::string& why) = 0;
  };

  Recording(World* world, Oracle* oracle, Link* link, const SigningKey* key, uint64_t window_bytes,
            Owner* owner);

  void offer(uint32_t channel, FrameKind kind, std::string payload);
  bool has_room() const { return gate_.has_room(); }
  bool overrun() const { return gate_.pending_bytes() > 4 * window_bytes_; }
  bool all_released() const { return gate_.all_durable(); }
  // waiting_ns is how long the oldest frame has waited for the recorder.
  int64_t waiting_ns() const;
  // end offers session_end and the signed head, and lets go of the owner.
  void end(const std::string& reason, bool in_order);
  // stop is end for a daemon's own session.
  void stop();
  bool ended() const { return ended_; }
  uint64_t number() const { return number_; }
  const SessionId& id() const { return gate_.session(); }

  void on_event(const tee::TeeEvent& event) override;

 private:
  void close(FrameKind kind, const Event& event, bool in_order);
  void fail(const std::string& why);

  World* const world_;
  Oracle* const oracle_;
  Link* const link_;
  const SigningKey* const key_;
  const uint64_t window_bytes_;
  Owner* owner_;
  const int64_t started_ns_;
  tee::Gate gate_;
  const uint64_t number_;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  bool ended_ = false;
};

}  // namespace gatetape::sim
