// SshPeer: one non-blocking libssh session, as server or client. It registers the descriptor with
// the loop, reads packets and delivers messages to its owner, and disconnects. Session loop only.
//
// Many calls of libssh read the socket, so that messages can wait while epoll reports nothing. Call
// catch_up() after any other libssh call on the session.
//
// Legal transitions of State:
//   kHandshake -> kOpen: messages can be read
//   kHandshake, kOpen -> kDead: nothing is read or written any more, except that a server's last
//     bytes are on their way for some time (lingers)
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <cstdint>
#include <string>

#include "gateway/loop.h"
#include "gateway/session/ports.h"
#include "gateway/ssh/shim.h"

namespace gatetape::gateway {

class SshPeer : public Ready {
 public:
  enum class Role { kServer, kClient };
  // Owner accepts what the pump reads. It must not destroy the peer inside these calls.
  class Owner {
   public:
    virtual ~Owner() = default;
    // on_handshake runs the next step of the handshake (key exchange, login). It returns true when
    // the handshake is over and messages can be read.
    virtual bool on_handshake() = 0;
    // on_message accepts a message, and owns it.
    virtual void on_message(ssh_message message) = 0;
    // may_read returns false when the socket must not be read: back pressure before there are
    // channels.
    virtual bool may_read() const = 0;
    // on_activity is called after each pump.
    virtual void on_activity() = 0;
    // on_misuse accepts the reason for which the peer was marked dead: it sends requests and does
    // not read the answers.
    virtual void on_misuse(const std::string& reason) = 0;
  };

  // The object owns `fd`, which is a non-blocking socket, or a pipe (gateway/ssh/shim_io.h) when
  // `in_memory`.
  SshPeer(Loop& loop, Role role, int fd, bool in_memory, Owner* owner);
  ~SshPeer() override;
  SshPeer(const SshPeer&) = delete;
  SshPeer& operator=(const SshPeer&) = delete;

  ssh_session session() const { return session_; }
  int fd() const { return fd_; }
  bool dead() const { return state_ == State::kDead; }
  // mark_dead stops all reading and writing, and keeps how the connection ended. `why` is that of
  // another connection that carried this one.
  void mark_dead();
  void mark_dead(const Loss& why);
  // break_off marks a peer dead whose connection libssh has given up, and sends
  // SSH_MSG_DISCONNECT with libssh's error when the peer has not ended the connection itself.
  void break_off();
  // loss returns how the connection of a dead peer ended.
  const Loss& loss() const { return loss_; }
  // lingers returns true while the last bytes of a dead peer are on their way. Then the object must
  // stay, and on_tick be called.
  bool lingers() const { return lingers_until_ns_ != 0; }
  void on_tick(int64_t mono_ns);
  // write_pending returns true when libssh still holds bytes for a full socket. Then the caller
  // must not write more.
  bool write_pending() const;
  // packets_sent returns the number of packets that libssh has encrypted. During a key exchange
  // libssh queues packets and does not count them.
  uint64_t packets_sent() const { return raw_counters_.out_packets; }
  // attach_io starts the shim's read-ahead, after libssh has got the descriptor. A pipe needs none.
  void attach_io();

  void on_ready(uint32_t events) override;
  // pump reads the available packets and delivers their messages, up to a limit per call.
  void pump();
  // catch_up reads again when other libssh calls have read packets, and registers the events that
  // epoll must report.
  void catch_up();
  // disconnect sends SSH_MSG_DISCONNECT with this text (RFC 4253 section 11.1), marks the peer dead
  // and lets it linger.
  void disconnect(const std::string& text);

 private:
  enum class State { kHandshake, kOpen, kDead };

  bool finish_handshake();
  void say_last(uint32_t reason_code, const std::string& text);
  void linger();
  void arm();
  void disarm();
  bool floods();

  Loop& loop_;
  const Role role_;
  const int fd_;
  const bool in_memory_;
  Owner* const owner_;
  ssh_session session_;
  ssh_counter_struct counters_{};
  ssh_counter_struct raw_counters_{};
  uint64_t seen_bytes_ = 0;
  bool unread_ = false;                   // the last pump stopped at its limit
  mutable uint64_t drained_packets_ = 0;  // packets_sent() when no write was last pending
  uint32_t armed_ = 0;
  bool attached_ = false;  // the shim keeps the descriptor open until io_detach
  State state_ = State::kHandshake;
  Loss loss_;
  int64_t lingers_until_ns_ = 0;
};

}  // namespace gatetape::gateway
