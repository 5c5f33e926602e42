// Session: a double of gateway/session: one user on one target through any number of channels. What
// is released goes on; when everything is said, or the record fails, or somebody kills it, it ends.
#pragma once

#include <list>
#include <string>

#include "tests/sim/channel.h"
#include "tests/sim/recording.h"

namespace gatetape::sim {

class Session : public Recording::Owner, public Channel::Owner {
 public:
  Session(World* world, Oracle* oracle, Link* link, const SigningKey* key, SessionPlan plan);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // kill ends it by policy.
  void kill() { finish("killed", false); }
  uint64_t number() const { return recording_.number(); }
  const SessionId& id() const { return recording_.id(); }

  void on_released(tee::FramePtr frame) override;
  void on_record_failed() override { over_ = true; }
  void offer(uint32_t channel, FrameKind kind, std::string payload) override;
  bool has_room() const override { return recording_.has_room(); }
  bool over() const override { return over_; }
  void on_peer_lost() override { finish("client", false); }
  void on_channel_finished() override;

 private:
  void finish(const std::string& reason, bool in_order);
  void on_open();
  void on_up();
  void tick();

  World* const world_;
  Oracle* const oracle_;
  const SessionPlan plan_;
  Recording recording_;
  std::list<Channel> channels_;
  bool over_ = false;
};

}  // namespace gatetape::sim
