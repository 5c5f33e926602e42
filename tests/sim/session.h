// Session: a double of gateway/ssh/session: one user on one target through any number of channels.
// What is released goes on; when everything is said, or the record fails, or somebody kills it, it
// ends, with the text that the gateway gives the user then.
#pragma once

#include <list>
#include <string>

#include "tests/sim/channel.h"
#include "tests/sim/rules.h"

namespace gatetape::sim {

class Session : public Recording::Owner, public Channel::Owner {
 public:
  // Place is where a session lives.
  struct Place {
    World* world;
    Oracle* oracle;
    Link* link;
    const Rules* rules;
    const SigningKey* key;
  };

  // Opens under a grant that the rules of this moment gave.
  Session(const Place& place, Grant grant, SessionPlan plan);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // kill ends it, as a gateway that shuts down.
  void kill() { finish({"shutdown", "gatetape: the gateway is shutting down"}); }
  uint64_t number() const { return recording_.number(); }
  const SessionId& id() const { return recording_.id(); }

  void on_released(tee::FramePtr frame) override;
  void on_record_failed(const std::string& why) override;
  void offer(uint32_t channel, FrameKind kind, std::string payload) override;
  bool has_room() const override { return recording_.has_room(); }
  bool over() const override { return over_; }
  const Grant& grant() const override;
  void on_peer_lost(Direction direction) override;
  void on_channel_finished() override;

 private:
  struct Ending {
    std::string reason;
    std::string text;  // for the user; empty = who is gone, or is done
    bool in_order = false;
  };
  void finish(const Ending& ending);
  void leave(bool in_order);
  void on_open();
  void on_up();
  void tick();

  World* const world_;
  Oracle* const oracle_;
  const Rules* const rules_;
  const Grant grant_;
  const SessionPlan plan_;
  Recording recording_;
  std::list<Channel> channels_;
  bool up_ = false;
  bool over_ = false;
};

}  // namespace gatetape::sim
