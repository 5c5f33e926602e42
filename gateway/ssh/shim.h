// ssh_shim: what libssh's public API does not give, by the linker's --wrap (cmake/libssh.cmake) and
// libssh's public functions alone: every request as raw bytes in order, raw requests and refusals
// out, host certificates, a count of login packets. A session is known to the shim on the thread
// that watches it and on no other: call everything here from the session's loop.
#pragma once

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/ssh/shim_io.h"

namespace gatetape::gateway {

// PacketSink is told of each request packet of a watched session from inside libssh's packet
// handlers, so in exact order with the channel callbacks. Implementations only copy; they never
// call libssh.
class PacketSink {
 public:
  virtual ~PacketSink() = default;
  // on_channel_request sees every channel request of the peer in either role (RFC 4254 section 5.4)
  // but keepalive@openssh.com, which libssh answers itself. `data` is the type-specific part,
  // unparsed. With `want_reply` a message SSH_REQUEST_CHANNEL / SSH_CHANNEL_REQUEST_SUBSYSTEM
  // follows in ssh_message_get, one for each such request and in their order: the right to answer
  // later, by ssh_message_channel_request_reply_success or ssh_message_reply_default. Without it,
  // no message. libssh's own channel callbacks for signals, exit and agent requests are not called
  // any more.
  virtual void on_channel_request(ssh_channel channel, std::string_view name, bool want_reply,
                                  std::string_view data) = 0;
  // on_global_request informs of a global request (RFC 4254 section 4) but keepalive@openssh.com;
  // libssh then refuses it, or queues it (tcpip-forward) as SSH_REQUEST_GLOBAL.
  virtual void on_global_request(std::string_view name, bool want_reply, std::string_view data) = 0;
};

// watch_packets routes the session's requests to `sink` (not owned) until forget_packets. A session
// that is not watched behaves as libssh does.
void watch_packets(ssh_session session, PacketSink* sink);
// forget_packets drops all that the shim knows of the session; call it before ssh_free.
void forget_packets(ssh_session session);
// auth_packets gives the number of SSH_MSG_USERAUTH_REQUEST packets (RFC 4252 section 5) that a
// watched session received. libssh drops some without a message or an answer: bad signatures,
// unknown keys.
uint64_t auth_packets(ssh_session session);
// untouched tells whether one of those was signed by a security key without its owner's touch.
bool untouched(ssh_session session);

// send_channel_request sends one channel request with raw type-specific data. SSH_OK: sent, and
// when `want_reply`, accepted; SSH_ERROR: refused or failed; SSH_AGAIN: no answer yet, call again
// with the same arguments after the next pump. One request with `want_reply` at a time on a
// channel.
int send_channel_request(ssh_channel channel, std::string_view name, std::string_view data,
                         bool want_reply);
// refuse_channel_open answers SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1) with a reason
// code and a text; libssh's own refusal always says code 1 and nothing. The caller still frees the
// message.
int refuse_channel_open(ssh_message open, uint32_t reason_code, std::string_view text);

// set_host_certificate makes a server session offer ssh-ed25519-cert-v01@openssh.com before its
// plain Ed25519 key, and show this certificate (a blob of PROTOCOL.certkeys, for that very key) to
// clients that choose it; the others get the plain key. Call before ssh_handle_key_exchange, on a
// watched session or before watch_packets.
void set_host_certificate(ssh_session session, std::string certificate_blob);

}  // namespace gatetape::gateway
