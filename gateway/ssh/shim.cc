#include "gateway/ssh/shim.h"

#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "gateway/ssh/shim_rekey.h"

// Functions of libssh 0.10 that its headers do not declare and its archive exports.
extern "C" {
ssh_channel ssh_channel_from_local(ssh_session session, uint32_t id);
int ssh_message_handle_channel_request(ssh_session session, ssh_channel channel, ssh_buffer packet,
                                       const char* request, uint8_t want_reply);
int __real_channel_rcv_request(ssh_session session, uint8_t type, ssh_buffer packet, void* user);
int __real_channel_rcv_data(ssh_session session, uint8_t type, ssh_buffer packet, void* user);
int __real_ssh_packet_channel_success(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user);
int __real_ssh_packet_channel_failure(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user);
int __real_ssh_packet_channel_open_conf(ssh_session session, uint8_t type, ssh_buffer packet,
                                        void* user);
int __real_ssh_packet_channel_open_fail(ssh_session session, uint8_t type, ssh_buffer packet,
                                        void* user);
int __real_ssh_packet_global_request(ssh_session session, uint8_t type, ssh_buffer packet,
                                     void* user);
int __real_ssh_packet_userauth_request(ssh_session session, uint8_t type, ssh_buffer packet,
                                       void* user);
int __real_ssh_packet_userauth_banner(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user);
int __real_ssh_packet_disconnect_callback(ssh_session session, uint8_t type, ssh_buffer packet,
                                          void* user);
int __real_ssh_options_set_algo(ssh_session session, int algorithm, const char* list, char** place);
int __real_crypt_set_algorithms_server(ssh_session session);
int __real_ssh_key_type_from_signature_name(const char* name);
int __real_ssh_dh_import_next_pubkey_blob(ssh_session session, ssh_string blob);
}

namespace gatetape::gateway {
namespace {

constexpr int kPacketUsed = 1;        // SSH_PACKET_USED
constexpr int kHostKeyAlgorithm = 1;  // SSH_HOSTKEYS of enum ssh_kex_types_e
constexpr char kPlainAlgorithm[] = "ssh-ed25519";
constexpr char kCertificateAlgorithm[] = "ssh-ed25519-cert-v01@openssh.com";
constexpr std::string_view kKeepalive = "keepalive@openssh.com";
struct SessionState {
  PacketSink* sink = nullptr;
  uint64_t auth_packets = 0;
  bool untouched = false;
  bool has_disconnected = false;
  std::string host_certificate;
  bool certificate_negotiated = false;
};

// The wrapped functions below have no argument of ours, so their state is thread-local. A session
// never leaves the thread of its loop.
thread_local std::unordered_map<ssh_session, SessionState> sessions;
thread_local SessionState* negotiating = nullptr;

SessionState* find_state(ssh_session session) {
  auto found = sessions.find(session);
  return found == sessions.end() ? nullptr : &found->second;
}

PacketSink* find_sink(ssh_session session) {
  SessionState* state = find_state(session);
  return state == nullptr ? nullptr : state->sink;
}

std::string_view bytes_of(ssh_buffer packet) {
  return {static_cast<const char*>(ssh_buffer_get(packet)), ssh_buffer_get_len(packet)};
}

// queue_reply_message makes libssh queue a message. The answer to that message is sent as the
// answer to the peer's request.
void queue_reply_message(ssh_session session, ssh_channel channel) {
  std::string data;
  put_string(&data, "");
  ssh_buffer buffer = ssh_buffer_new();
  if (buffer == nullptr) return;
  if (ssh_buffer_add_data(buffer, data.data(), static_cast<uint32_t>(data.size())) == 0) {
    ssh_message_handle_channel_request(session, channel, buffer, "subsystem", 1);
  }
  ssh_buffer_free(buffer);
}

// channel_named_in returns the channel of a packet that begins with its number, nullptr when there
// is none.
ssh_channel channel_named_in(ssh_session session, ByteReader* reader) {
  uint32_t id = 0;
  return reader->get_u32(&id) ? ssh_channel_from_local(session, id) : nullptr;
}

// deliver_reply gives an answer to the sink of a watched session. libssh itself ignores answers to
// our requests, because it does not know that they want one.
void deliver_reply(ssh_session session, ssh_buffer packet, bool ok) {
  PacketSink* sink = find_sink(session);
  ByteReader reader(sink == nullptr ? std::string_view{} : bytes_of(packet));
  ssh_channel channel = channel_named_in(session, &reader);
  if (channel != nullptr) sink->on_channel_reply(channel, ok);
}

// lacks_touch returns true when a login is signed by a security key that was not touched. The flags
// after the signature contain this (OpenSSH's PROTOCOL.u2f); libssh verifies the signature over
// them and does not check them.
bool lacks_touch(std::string_view packet) {
  ByteReader reader(packet);
  std::string_view user, service, method, algorithm, key, signature, type, bytes;
  uint8_t is_signed = 0;
  if (!reader.get_string(&user) || !reader.get_string(&service) || !reader.get_string(&method) ||
      method != "publickey" || !reader.get_u8(&is_signed) || is_signed == 0 ||
      !reader.get_string(&algorithm) || !reader.get_string(&key) || !reader.get_string(&signature))
    return false;
  ByteReader key_reader(key);
  if (!key_reader.get_string(&type) || !type.starts_with("sk-")) return false;
  ByteReader signature_reader(signature);
  uint8_t flags = 0;
  return !signature_reader.get_string(&type) || !signature_reader.get_string(&bytes) ||
         !signature_reader.get_u8(&flags) || (flags & 1) == 0;
}

// has_plain_key returns true when a comma-separated list of algorithms contains ssh-ed25519.
bool has_plain_key(std::string_view list) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == kPlainAlgorithm) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

}  // namespace

void watch_packets(ssh_session session, PacketSink* sink) { sessions[session].sink = sink; }

void forget_packets(ssh_session session) {
  sessions.erase(session);
  forget_key_exchange(session);
}

uint64_t auth_packets(ssh_session session) {
  SessionState* state = find_state(session);
  return state == nullptr ? 0 : state->auth_packets;
}

bool untouched(ssh_session session) {
  SessionState* state = find_state(session);
  return state != nullptr && state->untouched;
}

bool has_disconnected(ssh_session session) {
  SessionState* state = find_state(session);
  return state != nullptr && state->has_disconnected;
}

const char* host_key_algorithm(ssh_session session) {
  const SessionState* state = find_state(session);
  return state != nullptr && state->certificate_negotiated ? kCertificateAlgorithm
                                                           : kPlainAlgorithm;
}

void set_host_certificate(ssh_session session, std::string certificate_blob) {
  sessions[session].host_certificate = std::move(certificate_blob);
}

}  // namespace gatetape::gateway

// The wrapped functions. The linker redirects libssh's calls to them.
extern "C" {

using namespace gatetape;           // NOLINT: C linkage, this file's own namespace
using namespace gatetape::gateway;  // NOLINT

int __wrap_channel_rcv_request(ssh_session session, uint8_t type, ssh_buffer packet, void* user) {
  PacketSink* sink = find_sink(session);
  ByteReader reader(sink == nullptr ? std::string_view{} : bytes_of(packet));
  std::string_view name;
  uint8_t want_reply = 0;
  ssh_channel channel = channel_named_in(session, &reader);
  reader.get_string(&name);
  if (!reader.get_u8(&want_reply) || channel == nullptr || name == kKeepalive) {
    return __real_channel_rcv_request(session, type, packet, user);
  }
  sink->on_channel_request(channel, name, want_reply != 0, reader.rest());
  // After our SSH_MSG_CHANNEL_CLOSE no answer may be sent (RFC 4254 section 5.3).
  if (want_reply != 0 && !ssh_channel_is_closed(channel)) queue_reply_message(session, channel);
  return kPacketUsed;
}

int __wrap_channel_rcv_data(ssh_session session, uint8_t type, ssh_buffer packet, void* user) {
  const DataScope scope(find_sink(session) != nullptr);
  return __real_channel_rcv_data(session, type, packet, user);
}

int __wrap_ssh_packet_channel_success(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user) {
  deliver_reply(session, packet, true);
  return __real_ssh_packet_channel_success(session, type, packet, user);
}

int __wrap_ssh_packet_channel_failure(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user) {
  deliver_reply(session, packet, false);
  return __real_ssh_packet_channel_failure(session, type, packet, user);
}

// libssh ignores an answer for a channel that is open already, and so does this.
int __wrap_ssh_packet_channel_open_conf(ssh_session session, uint8_t type, ssh_buffer packet,
                                        void* user) {
  PacketSink* sink = find_sink(session);
  ByteReader reader(sink == nullptr ? std::string_view{} : bytes_of(packet));
  ssh_channel channel = channel_named_in(session, &reader);
  const bool was_open = channel == nullptr || ssh_channel_is_open(channel) != 0;
  const int rc = __real_ssh_packet_channel_open_conf(session, type, packet, user);
  if (!was_open && ssh_channel_is_open(channel) != 0) sink->on_open_reply(channel, true, "");
  return rc;
}

int __wrap_ssh_packet_channel_open_fail(ssh_session session, uint8_t type, ssh_buffer packet,
                                        void* user) {
  PacketSink* sink = find_sink(session);
  ByteReader reader(sink == nullptr ? std::string_view{} : bytes_of(packet));
  ssh_channel channel = channel_named_in(session, &reader);
  uint32_t code = 0;
  std::string_view text;
  if (reader.get_u32(&code)) reader.get_string(&text);
  const std::string said(text);  // libssh consumes the packet
  const int rc = __real_ssh_packet_channel_open_fail(session, type, packet, user);
  if (channel != nullptr) sink->on_open_reply(channel, false, said);
  return rc;
}

int __wrap_ssh_packet_global_request(ssh_session session, uint8_t type, ssh_buffer packet,
                                     void* user) {
  if (PacketSink* sink = find_sink(session); sink != nullptr) {
    ByteReader reader(bytes_of(packet));
    std::string_view name;
    uint8_t want_reply = 0;
    reader.get_string(&name);
    if (reader.get_u8(&want_reply) && name != kKeepalive) {
      sink->on_global_request(name, want_reply != 0, reader.rest());
    }
  }
  return __real_ssh_packet_global_request(session, type, packet, user);
}

int __wrap_ssh_packet_userauth_request(ssh_session session, uint8_t type, ssh_buffer packet,
                                       void* user) {
  if (SessionState* state = find_state(session); state != nullptr) {
    state->auth_packets++;
    state->untouched = state->untouched || lacks_touch(bytes_of(packet));
  }
  return __real_ssh_packet_userauth_request(session, type, packet, user);
}

int __wrap_ssh_packet_disconnect_callback(ssh_session session, uint8_t type, ssh_buffer packet,
                                          void* user) {
  if (SessionState* state = find_state(session); state != nullptr) state->has_disconnected = true;
  return __real_ssh_packet_disconnect_callback(session, type, packet, user);
}

// libssh calls this only before the login has succeeded; its packet filter rejects a later banner.
int __wrap_ssh_packet_userauth_banner(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user) {
  PacketSink* sink = find_sink(session);
  if (sink == nullptr) return __real_ssh_packet_userauth_banner(session, type, packet, user);
  ByteReader reader(bytes_of(packet));
  std::string_view text, language;
  if (reader.get_string(&text)) {
    reader.get_string(&language);
    sink->on_banner(text, language);
  }
  return kPacketUsed;
}

// server_set_kex sets the offered host key algorithms by this call, at the first key exchange and
// at each rekey.
int __wrap_ssh_options_set_algo(ssh_session session, int algorithm, const char* list,
                                char** place) {
  SessionState* state = algorithm == kHostKeyAlgorithm ? find_state(session) : nullptr;
  if (state == nullptr || state->host_certificate.empty() || !has_plain_key(list)) {
    return __real_ssh_options_set_algo(session, algorithm, list, place);
  }
  const std::string offered = std::string(kCertificateAlgorithm) + "," + list;
  return __real_ssh_options_set_algo(session, algorithm, offered.c_str(), place);
}

int __wrap_crypt_set_algorithms_server(ssh_session session) {
  CHECK(negotiating == nullptr);
  negotiating = find_state(session);
  if (negotiating != nullptr) negotiating->certificate_negotiated = false;
  const int rc = __real_crypt_set_algorithms_server(session);
  negotiating = nullptr;
  return rc;
}

// crypt_set_algorithms_server calls this to find the type of the host key that signs, which is the
// plain key also for a certificate.
int __wrap_ssh_key_type_from_signature_name(const char* name) {
  if (negotiating == nullptr || name == nullptr || strcmp(name, kCertificateAlgorithm) != 0) {
    return __real_ssh_key_type_from_signature_name(name);
  }
  negotiating->certificate_negotiated = true;
  return __real_ssh_key_type_from_signature_name(kPlainAlgorithm);
}

// The key exchange calls this with the plain public key that it sends to the client and hashes.
int __wrap_ssh_dh_import_next_pubkey_blob(ssh_session session, ssh_string blob) {
  SessionState* state = find_state(session);
  if (state == nullptr || !state->certificate_negotiated) {
    return __real_ssh_dh_import_next_pubkey_blob(session, blob);
  }
  const std::string& certificate = state->host_certificate;
  ssh_string shown = ssh_string_new(certificate.size());
  if (shown == nullptr) return SSH_ERROR;
  ssh_string_fill(shown, certificate.data(), certificate.size());
  const int rc = __real_ssh_dh_import_next_pubkey_blob(session, shown);
  ssh_string_free(shown);
  return rc;
}

}  // extern "C"
