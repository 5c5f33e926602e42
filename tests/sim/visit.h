// Visit: one session around the product's SessionCore. It simulates the two connections (when they
// are made, when they are lost) and the channels that the user asks for.
#pragma once

#include <memory>
#include <string>

#include "gateway/session/session_core.h"
#include "gateway/session/session_invariants.h"
#include "tests/sim/peers.h"
#include "tests/sim/record.h"
#include "tests/sim/rules.h"

namespace gatetape::sim {

class Visit : public gateway::SessionPort, public Peers::Owner {
 public:
  // `grant` comes from the present `rules`, which outlive the visit and claim its session.
  Visit(const Record::Place& place, Rules& rules, const Grant& grant, SessionPlan plan);
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  // kill stops the session, as a gateway that shuts down.
  void kill();
  // on_rules_changed is called when new rules are in force.
  void on_rules_changed(const Rules& rules);
  // check checks the session's invariants and its memory, which must hold between two events.
  void check();
  uint64_t number() const { return record_.number(); }
  const SessionId& id() { return record_.recording().session(); }

  // gateway::SessionPort
  void connect_target() override;
  void let_user_in() override;
  void show_banner(const gateway::Banner& banner) override;
  void refuse_request(uint64_t number) override;
  void on_over(const gateway::SessionEnd& end) override;
  void wake() override;
  bool user_lost() const override { return is_lost(Side::kUser); }
  bool target_lost() const override { return connected_ && is_lost(Side::kTarget); }
  gateway::Loss user_loss() const override { return {.by_peer = true}; }
  gateway::Loss target_loss() const override { return {.by_peer = true}; }
  bool user_busy() const override { return false; }
  int64_t mono_ns() override { return place_.world->mono_ns(); }
  // Peers::Owner
  bool over() const override { return core_.over(); }
  bool is_lost(Side side) const override { return lost_[static_cast<size_t>(side)]; }
  void lose(Side side) override;
  void on_channel_gone() override;
  size_t window_bytes_max() const override;

 private:
  static gateway::SessionWish wish();
  void ask_for_channels(bool early);
  void ask(const ChannelPlan& plan);
  void send_banners();
  void service();
  void tick();

  const Record::Place place_;
  const SessionPlan plan_;
  gateway::SessionLimits limits_;
  gateway::MemoryBudget& budget_;
  // Shared with the other visits of the user.
  const std::shared_ptr<gateway::MemoryBudget::Account> memory_;
  Record record_;
  std::array<bool, 2> lost_{};  // by Side
  bool connected_ = false;
  bool waking_ = false;
  bool ended_ = false;        // the user was told the end
  size_t open_channels_ = 0;  // channels that the user has asked for or will ask for
  gateway::SessionCore core_;
  gateway::SessionInvariants invariants_;
};

}  // namespace gatetape::sim
