// Session: the two SSH connections of one SessionCore: the user's, which belongs to a Connection,
// and the target's. It translates libssh's packets and messages into events of the core, and the
// core's calls into libssh's; what passes is decided in the core. Session loop only.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/check.h"
#include "gateway/recording_link.h"
#include "gateway/services.h"
#include "gateway/session/session_core.h"
#include "gateway/ssh/channel.h"
#include "gateway/ssh/target.h"

namespace gatetape::gateway {

// AuthenticatedUser is the user who logged in on a connection, and how.
struct AuthenticatedUser {
  std::string name;
  std::string key_blob;  // the public key with which the user logged in
  std::string key_fingerprint;
  std::string source;  // address:port
  std::string client_version;
  std::string connection;  // id of the connection that authenticated
  std::string actor;       // person, agent or service (access.toml)
  bool touched = false;    // a security key signed, and was touched
  Credential credential() const { return {.user = name, .key_blob = key_blob}; }
};

class Connection;

class Session : public SessionPort, public PacketSink {
 public:
  struct Plan {
    AuthenticatedUser user;
    AccessTarget target;
    std::string login;
    Grant grant;
    std::string route;  // "jump" or "direct"
    SessionWish wish() const;
  };

  // `connection` is the user's connection, and `user` is its SSH connection.
  Session(Loop& loop, Services& services, SshPeer& user, Connection& connection, Plan plan);
  ~Session() override;

  // on_user_message takes a message of the user's connection, and owns it.
  void on_user_message(ssh_message message);
  void service();
  void on_tick(int64_t mono_ns);
  // finish ends the session; later calls do nothing.
  void finish(const SessionEnd& end) { core_.finish(end); }
  void on_rules_changed(const Access& access) { core_.on_rules_changed(access); }
  // over returns true when the end of the session is offered to the record.
  bool over() const { return core_.over(); }

  // SessionPort
  void connect_target() override { target_->start(); }
  void let_user_in() override;
  void show_banner(const Banner& banner) override;
  void refuse_request(uint64_t number) override;
  void on_over(const SessionEnd& end) override;
  void wake() override;
  bool user_lost() const override { return user_.dead(); }
  bool target_lost() const override { return target_->gone(); }
  Loss user_loss() const override { return user_.loss(); }
  Loss target_loss() const override { return target_->loss(); }
  bool user_busy() const override { return user_.write_pending(); }
  int64_t mono_ns() override { return loop_.clock().mono_ns(); }
  // A channel is on the session's list, by which packets find it, as long as it lives.
  void add_channel(Channel* channel) { channels_.push_back(channel); }
  void remove_channel(Channel* channel) {
    const size_t removed = channels_.remove(channel);
    CHECK(removed == 1, removed, channels_.size());
  }
  // target_peer returns the connection to the target, nullptr while there is none.
  SshPeer* target_peer() { return target_->ready() ? &target_->peer() : nullptr; }
  // Events of the target. on_target_ready accepts the fields of the frame target_connect, and is
  // called once. on_target_failed accepts the fields of the frame target_fail, and is called at
  // most once. on_target_message owns the message.
  void on_target_ready(const Event& facts);
  void on_target_failed(const Event& facts);
  void on_target_message(ssh_message message);
  // on_misuse ends the session: a peer broke a limit or the protocol.
  void on_misuse(const std::string& reason) { core_.on_misuse(reason); }
  // PacketSink, for both connections
  void on_channel_request(ssh_channel channel, std::string_view name, bool want_reply,
                          std::string_view data) override;
  void on_channel_reply(ssh_channel channel, bool ok) override;
  void on_open_reply(ssh_channel channel, bool ok, std::string_view text) override;
  void on_global_request(std::string_view name, bool want_reply, std::string_view data) override;
  void on_banner(std::string_view text, std::string_view language) override;

 private:
  Event open_event(uint64_t session_no) const;
  Channel* channel_of(ssh_channel handle) const;
  void open_channel(ssh_message message);
  void deny(ssh_message message, SessionCore::Denial denial);
  void open_channels();

  Loop& loop_;
  Services& services_;
  SshPeer& user_;
  Connection& connection_;
  const Plan plan_;
  const SessionLimits limits_;
  // The user's other sessions and connections share the account.
  const std::shared_ptr<MemoryBudget::Account> memory_;
  const std::shared_ptr<RecordingLink> record_;  // shared with the loop until it is closed
  std::unique_ptr<Target> target_;
  std::list<Channel*> channels_;            // owned by core_
  std::map<uint64_t, ssh_message> denied_;  // until their denial is durable, by number
  uint64_t last_denied_ = 0;
  SessionCore core_;  // last: its channels go before the target's libssh session
};

}  // namespace gatetape::gateway
