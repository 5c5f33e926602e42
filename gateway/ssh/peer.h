// SshPeer: one libssh session, server or client, non-blocking: its descriptor in the loop, the pump
// that reads packets and hands messages on, and an orderly goodbye. Session loop only.
//
// libssh's calls read the socket themselves, so messages may wait while epoll has nothing to
// report: call settle() after any other libssh call on the session.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <string>

#include "gateway/loop.h"
#include "gateway/ssh/shim.h"

namespace gatetape::gateway {

class SshPeer : public Ready {
 public:
  enum class Role { kServer, kClient };
  // Owner is told what the pump met; it may not destroy the peer inside these calls.
  class Owner {
   public:
    virtual ~Owner() = default;
    // on_handshake runs the handshake's next step (key exchange, login); true when it is over and
    // messages may be read.
    virtual bool on_handshake() = 0;
    // on_message takes a message and owns it.
    virtual void on_message(ssh_message message) = 0;
    // may_read is false to leave the socket alone (backpressure before there are channels).
    virtual bool may_read() const = 0;
    virtual void on_activity() = 0;
    // on_misuse says that the peer asks and never reads; it is dead now.
    virtual void on_misuse(const std::string& reason) = 0;
  };

  // Takes `fd`, non-blocking; a hop when `hop`.
  SshPeer(Loop& loop, Role role, int fd, bool hop, Owner* owner);
  ~SshPeer() override;
  SshPeer(const SshPeer&) = delete;
  SshPeer& operator=(const SshPeer&) = delete;

  ssh_session session() const { return session_; }
  int fd() const { return fd_; }
  bool dead() const { return dead_; }
  // mark_dead says that nothing more can be read or written.
  void mark_dead() { dead_ = true; }
  // write_pending tells whether libssh still holds bytes for a full socket: write no more now.
  bool write_pending() const;
  // packets_sent counts what libssh encrypted; during a key exchange it keeps packets instead.
  uint64_t packets_sent() const { return raw_counters_.out_packets; }
  // attach_io gives the descriptor to the shim's read-ahead; after libssh took it. A hop has it
  // already.
  void attach_io();

  void on_ready(uint32_t events) override;
  // pump reads what there is, within a budget.
  void pump();
  // settle pumps again when other calls read packets, and sets what epoll shall report.
  void settle();
  // disconnect sends SSH_MSG_DISCONNECT with this text (RFC 4253 section 11.1) as soon as libssh
  // has room; then the peer is dead.
  void disconnect(const std::string& text);

 private:
  void arm();
  void disarm();
  bool floods();

  Loop& loop_;
  const Role role_;
  const int fd_;
  const bool hop_;
  Owner* const owner_;
  ssh_session session_;
  ssh_counter_struct counters_{};
  ssh_counter_struct raw_counters_{};
  uint64_t seen_bytes_ = 0;
  bool unread_ = false;                   // the last pump used up its budget of messages
  mutable uint64_t drained_packets_ = 0;  // sent when libssh last held nothing for the socket
  uint32_t armed_ = 0;
  bool attached_ = false;
  bool handshake_done_ = false;
  bool dead_ = false;
};

}  // namespace gatetape::gateway
