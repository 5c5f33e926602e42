// Connection: one SSH connection to the gateway: a client's over TCP, or the inner one of `ssh -J`
// over a pipe. It authenticates the user. Then it carries the inner connections of `ssh -J`, or one
// session. Session loop only.
//
// Legal transitions of State:
//   kHandshake -> kLogin
//   kLogin -> kRecording -> kLogin: an attempt is recorded, and then rejected
//   kRecording -> kOuter: the outer connection of `ssh -J`
//   kRecording -> kOpening -> kSession: a direct login as LOGIN@TARGET
//   kLogin -> kOpening -> kSession: the login of an inner connection, whose user is known
//   any state -> kLeaving: the disconnect message is on its way
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "gateway/acceptor.h"
#include "gateway/services.h"
#include "gateway/session/access_rules.h"
#include "gateway/session/connection_facts.h"
#include "gateway/session/recorded_answers.h"
#include "gateway/ssh/bridge.h"
#include "gateway/ssh/login_name.h"
#include "gateway/ssh/peer.h"
#include "gateway/ssh/session.h"

namespace gatetape::gateway {

class Connection : public Member,
                   public SshPeer::Owner,
                   public RecordedAnswers::Port,
                   public PacketSink {
 public:
  // Inner is what an inner connection inherits from its outer one.
  struct Inner {
    AuthenticatedUser user;
    AccessTarget target;
  };

  // accept takes a TCP connection. `bind` has the server's options and host key; it is only read,
  // and outlives every connection.
  static std::unique_ptr<Connection> accept(Loop& loop, Services& services, ssh_bind bind,
                                            const Accepted& accepted);
  ~Connection() override;

  // Member
  void service() override;
  void on_tick(int64_t mono_ns) override;
  bool finished() const override;
  void shut_down(const std::string& reason) override;
  void on_rules_changed() override;
  // SshPeer::Owner
  bool on_handshake() override;
  void on_message(ssh_message message) override;
  bool may_read() const override;
  void on_activity() override { loop_.mark(this); }
  void on_misuse(const std::string& reason) override;
  // Events of the session. on_session_up is called when the target is ready: the user's login
  // succeeds. on_session_over is called once: the user is disconnected with this text.
  void on_session_up();
  // show_banner shows a text to a user whose login waits for the target.
  void show_banner(const Banner& banner);
  void on_session_over(const std::string& text);
  // RecordedAnswers::Port
  void record(uint64_t number, FrameKind kind, const Event& event) override;
  void on_unrecorded(const absl::Status& why) override;
  // PacketSink, until a session takes over.
  void on_channel_request(ssh_channel, std::string_view, bool, std::string_view) override {}
  void on_global_request(std::string_view name, bool want_reply, std::string_view data) override;

 private:
  enum class State { kHandshake, kLogin, kRecording, kOuter, kOpening, kSession, kLeaving };
  // Startup is how Startups counts the connection: kUncounted for an inner one, else
  // kUnauthenticated -> kAuthenticated.
  enum class Startup { kUncounted, kUnauthenticated, kAuthenticated };
  // Attempt is one authentication attempt on its way through the record.
  struct Attempt {
    ssh_message message = nullptr;
    bool accepted = false;
    AuthenticatedUser user;
    LoginName name;
  };
  struct FreeMessage {
    void operator()(ssh_message message) const { ssh_message_free(message); }
  };
  using Message = std::unique_ptr<std::remove_pointer_t<ssh_message>, FreeMessage>;
  // Denial is why something on the outer connection is denied.
  struct Denial {
    std::string target;  // as the client wrote it, or empty
    std::string reason;
    OpenFailure why = OpenFailure::kAdministrativelyProhibited;  // of a channel
  };

  // `inner` is set for an inner connection, whose `fd` is a pipe.
  Connection(Loop& loop, Services& services, ssh_bind bind, int fd, std::optional<Inner> inner);
  void begin();
  static bool may_follow(State from, State to);
  void move_to(State to);
  // Logins: connection_login.cc
  void on_login(ssh_message message);
  void show_own_banner();
  void on_public_key(ssh_message message, const std::string& user, Attempt attempt, Event event);
  void on_inner_login(ssh_message message);
  void record_attempt(Attempt attempt, const Event& event, const std::string& reason);
  void refuse_attempt(const Event& recorded);
  void answer_attempt();
  void answer_login(State to);
  void check_dropped_logins();
  void record_probes();
  void record_end();
  void open_session(const AuthenticatedUser& user, const SessionWish& wish,
                    const std::string& route);
  void deny_session(Event event, const std::string& reason);
  // The outer connection of `ssh -J`
  void on_outer_message(ssh_message message);
  void open_inner(ssh_message message);
  void deny(ssh_message message, const Denial& denial);
  void answer_request(ssh_message message, const std::string& reason, OpenFailure why);
  void abandon_inner();
  // What the rules of a reload end: connection_rules.cc
  void revoke(const std::string& denial);
  void check_revoked(int64_t mono_ns);
  void leave(const std::string& text);
  void drop();

  Loop& loop_;
  Services& services_;
  const ssh_bind bind_;
  const std::optional<Inner> inner_;
  const std::string id_;  // names the connection in the record
  const int64_t started_ns_;
  State state_ = State::kHandshake;
  std::string source_;
  std::string counted_as_;  // by Startups
  Startup startup_ = Startup::kUncounted;
  uint64_t login_messages_ = 0;
  uint32_t failed_attempts_ = 0;
  int64_t refused_since_ns_ = 0;  // when the refusal that is being recorded was decided
  int64_t leaving_since_ns_ = 0;
  uint64_t requests_denied_ = 0;
  std::optional<Attempt> attempt_;
  std::optional<AuthenticatedUser> user_;
  Bridge* bridge_ = nullptr;              // an inner connection's, owned by the outer one
  std::optional<ConnectionFacts> facts_;  // not of an inner connection
  std::string misuse_;                    // why the client was dropped
  std::string disconnect_text_;           // to send when leaving
  std::string ending_;   // why it leaves when it carries nothing, empty while it does not
  std::string revoked_;  // why the rules do not allow it any more, empty while they do
  int64_t revoked_ns_ = 0;
  Guard guard_;  // for what the record answers
  SshPeer peer_;
  RecordedAnswers answers_{*this};  // after peer_: what waits here holds messages of its session
  // The user's sessions and other connections share the account. Set with the first bridge.
  std::shared_ptr<MemoryBudget::Account> memory_;
  std::list<Bridge> bridges_;
  std::unique_ptr<Session> session_;
};

}  // namespace gatetape::gateway
