// Target: the gateway's own SSH connection to a target. It dials the target, checks the host key
// and logs in. The session owns it; session loop only.
//
// Legal transitions of State:
//   kIdle -> kDialing -> kKeyExchange -> kLogin -> kReady
//   kDialing, kKeyExchange, kLogin -> kFailed
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/check.h"
#include "gateway/reach/dialer.h"
#include "gateway/services.h"
#include "gateway/ssh/peer.h"
#include "policy/access.h"
#include "record/event.h"
#include "record/session_id.h"

namespace gatetape::gateway {

class Session;

class Target : public SshPeer::Owner {
 public:
  // Plan is where and as whom the gateway logs in.
  struct Plan {
    AccessTarget target;
    std::string login;
    std::string user;    // who opened the session
    std::string key_id;  // of the certificate for this session
  };

  Target(Loop& loop, Services& services, Plan plan, Session& session);
  ~Target() override;

  // start starts to connect. The session's on_target_ready or on_target_failed is called
  // later.
  // Call it once.
  void start();
  // on_tick checks the time: after connect_timeout_s without success the target has failed.
  void on_tick(int64_t mono_ns);
  bool ready() const { return state_ == State::kReady; }
  // peer returns the SSH connection. Call it only when ready() has returned true.
  SshPeer& peer() {
    CHECK(state_ == State::kReady, static_cast<int>(state_));
    return *peer_;
  }
  bool gone() const { return state_ == State::kReady && peer_->dead(); }
  // loss returns how the connection ended. Call it only when gone() has returned true.
  const Loss& loss() const {
    CHECK(gone(), static_cast<int>(state_));
    return peer_->loss();
  }
  void catch_up();

  bool on_handshake() override;
  void on_message(ssh_message message) override;
  bool may_read() const override { return state_ != State::kFailed; }
  void on_activity() override;
  void on_misuse(const std::string& reason) override;

 private:
  enum class State { kIdle, kDialing, kKeyExchange, kLogin, kReady, kFailed };
  // Failure is the reason of target_fail (docs/FORMAT.md) and a text for people.
  struct Failure {
    std::string reason;
    std::string detail;
  };

  static bool may_follow(State from, State to);
  void move_to(State to);
  void on_dialed(absl::StatusOr<Fd> socket);
  void on_connected(Fd socket);
  bool key_exchange();
  bool host_key_matches();
  absl::Status make_login_key();
  bool log_in();
  void fail(const Failure& failure);

  Loop& loop_;
  Services& services_;
  const Plan plan_;
  Session& session_;
  State state_ = State::kIdle;
  int64_t started_ns_ = 0;
  Dialer dialer_;
  std::unique_ptr<SshPeer> peer_;
  ssh_key login_key_ = nullptr;
  Event facts_;
};

}  // namespace gatetape::gateway
