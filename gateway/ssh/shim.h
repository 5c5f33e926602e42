// ssh_shim: functions that libssh's public API does not have: it delivers every request as raw
// bytes, and every answer, in the order of the packets; it sends raw requests and failure messages,
// offers host certificates and counts login packets. It also delivers what a peer sends during a
// key exchange that it started (gateway/ssh/shim_rekey.h). It is built from the linker's --wrap
// (cmake/libssh.cmake) and public functions of libssh. The shim's state of a session belongs to the
// thread that called watch_packets: call all functions of this file on the session's loop.
#pragma once

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/ssh/shim_io.h"

namespace gatetape::gateway {

// PacketSink accepts each request and each answer of a watched session. It is called inside
// libssh's packet handlers, and so in the exact order of the packets and of the channel callbacks.
// An implementation copies what it needs and never calls libssh.
class PacketSink {
 public:
  virtual ~PacketSink() = default;
  // on_channel_request accepts every channel request of the peer (RFC 4254 section 5.4), in both
  // roles, except keepalive@openssh.com, which libssh answers itself. `data` is the type-specific
  // part, unparsed. With `want_reply`, ssh_message_get later returns one message
  // SSH_REQUEST_CHANNEL / SSH_CHANNEL_REQUEST_SUBSYSTEM per request, in the order of the requests,
  // by which the request is answered (ssh_message_channel_request_reply_success or
  // ssh_message_reply_default). Without `want_reply` there is no message. libssh does not call its
  // channel callbacks for signals, exit and agent requests any more.
  virtual void on_channel_request(ssh_channel channel, std::string_view name, bool want_reply,
                                  std::string_view data) = 0;
  // on_channel_reply accepts the peer's answer to the oldest request of send_channel_request that
  // is not answered yet: SSH_MSG_CHANNEL_SUCCESS (`ok`) or SSH_MSG_CHANNEL_FAILURE. A peer may also
  // send answers that nobody waits for.
  virtual void on_channel_reply(ssh_channel /*channel*/, bool /*ok*/) {}
  // on_open_reply accepts the peer's answer to our SSH_MSG_CHANNEL_OPEN (RFC 4254 section 5.1); an
  // endpoint that neither asks nor opens anything needs none of the two. `text` is the peer's
  // description of a failure.
  virtual void on_open_reply(ssh_channel /*channel*/, bool /*ok*/, std::string_view /*text*/) {}
  // on_global_request accepts a copy of each global request (RFC 4254 section 4) except
  // keepalive@openssh.com. libssh then answers it with SSH_MSG_REQUEST_FAILURE, or queues it
  // (tcpip-forward) as the message SSH_REQUEST_GLOBAL.
  virtual void on_global_request(std::string_view name, bool want_reply, std::string_view data) = 0;
  // on_banner accepts the bytes of each SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4) that a
  // server sends before the login has succeeded. libssh itself keeps only one of them.
  virtual void on_banner(std::string_view /*text*/, std::string_view /*language*/) {}
};

// watch_packets sends the session's requests to `sink` (not owned) until forget_packets. A session
// that is not watched behaves as in libssh without the shim.
void watch_packets(ssh_session session, PacketSink* sink);
// forget_packets stops watching and removes the shim's state of the session. Call it before
// ssh_free.
void forget_packets(ssh_session session);
// auth_packets returns the number of SSH_MSG_USERAUTH_REQUEST packets (RFC 4252 section 5) that a
// watched session received. libssh drops packets with a bad signature or an unknown key without a
// message or an answer.
uint64_t auth_packets(ssh_session session);
// has_disconnected returns true when the peer of a watched session has sent SSH_MSG_DISCONNECT (RFC
// 4253 section 11.1).
bool has_disconnected(ssh_session session);
// untouched returns true when a security key signed one of these packets without a touch of the
// user.
bool untouched(ssh_session session);

// send_channel_request sends one channel request with raw type-specific data, and does not wait.
// With `want_reply`, the answer arrives at PacketSink::on_channel_reply. It returns SSH_ERROR when
// the connection is lost.
int send_channel_request(ssh_channel channel, std::string_view name, std::string_view data,
                         bool want_reply);
// send_banner sends SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4) with these bytes to the client
// of a server session. Call it between the first login message and the answer that accepts a login.
int send_banner(ssh_session session, std::string_view text, std::string_view language);
// send_disconnect sends SSH_MSG_DISCONNECT (RFC 4253 section 11.1) with this reason code and text,
// and leaves the session open, with its channels. After io_end_output no byte of it stays in
// libssh.
int send_disconnect(ssh_session session, uint32_t reason_code, std::string_view text);
// open_window lets the peer of a channel send `bytes` more: it sends SSH_MSG_CHANNEL_WINDOW_ADJUST
// (RFC 4254 section 5.2). Of a watched session, libssh alone opens no window: where it would, it
// sends an adjustment by 0 bytes. It does nothing and returns false when libssh holds bytes of the
// channel, or when the peer has sent EOF or the channel is closed. It does not read the socket, so
// it calls no callback. Call it only after bytes of the peer have arrived since the last call, and
// not inside a callback.
bool open_window(ssh_channel channel, size_t bytes);
// DataScope makes libssh open no window by itself while it exists and `is_watched`. The shim uses
// it while libssh handles a packet with data. One at a time per thread.
class DataScope {
 public:
  explicit DataScope(bool is_watched);
  ~DataScope();
  DataScope(const DataScope&) = delete;
  DataScope& operator=(const DataScope&) = delete;
};
// refuse_channel_open sends SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1) with this reason
// code and text; libssh alone always sends code 1 and an empty text. The caller still frees the
// message.
int refuse_channel_open(ssh_message open, uint32_t reason_code, std::string_view text);

// set_host_certificate makes a server session offer ssh-ed25519-cert-v01@openssh.com before its
// plain Ed25519 key. Clients that choose it receive this certificate (a blob of PROTOCOL.certkeys
// for the same key), and the others the plain key. Call it before ssh_handle_key_exchange; the
// session may be watched already or later.
void set_host_certificate(ssh_session session, std::string certificate_blob);
// host_key_algorithm returns the algorithm of the host key that a server session proved itself by.
const char* host_key_algorithm(ssh_session session);

}  // namespace gatetape::gateway
