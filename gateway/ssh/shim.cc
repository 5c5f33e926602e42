#include "gateway/ssh/shim.h"

#include <cstdarg>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"

// libssh's own functions, not in its headers but global in its archive (0.10).
extern "C" {
ssh_channel ssh_channel_from_local(ssh_session session, uint32_t id);
int ssh_message_handle_channel_request(ssh_session session, ssh_channel channel, ssh_buffer packet,
                                       const char* request, uint8_t want_reply);
int ssh_buffer_pack_va(ssh_buffer buffer, const char* format, size_t count, va_list arguments);
int __real_channel_rcv_request(ssh_session session, uint8_t type, ssh_buffer packet, void* user);
int __real_ssh_packet_global_request(ssh_session session, uint8_t type, ssh_buffer packet,
                                     void* user);
int __real_ssh_packet_userauth_request(ssh_session session, uint8_t type, ssh_buffer packet,
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
// Known by its address: the argument that tells our own calls of libssh from libssh's inner ones.
constexpr char kMarker[] = "gatetape";

struct SessionState {
  PacketSink* sink = nullptr;
  uint64_t auth_packets = 0;
  bool untouched = false;
  std::string host_certificate;
  bool certificate_negotiated = false;
};

// The C entry points below get no argument of ours, so what they need hangs on the thread: a
// session never leaves its loop's thread.
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

// PackOverride says what libssh shall put into its next packet instead of what it means to: set
// while one of our functions calls libssh, and used up step by step, so nothing that libssh does by
// the way (answers to other packets, a rekey) is touched.
struct PackOverride {
  enum class Next { kNothing, kRequestData, kRequestHeader, kOpenFailure };
  Next next = Next::kNothing;
  std::string_view text;  // request name, or refusal
  std::string_view data;
  bool want_reply = false;
  uint32_t reason_code = 0;
};
thread_local PackOverride pack_override;

// override_pack gives in `bytes` what replaces a pack, or false when it is not the expected one.
bool override_pack(const char* format, va_list arguments, std::string* bytes) {
  using Next = PackOverride::Next;
  PackOverride& now = pack_override;
  if (now.next == Next::kRequestData && strcmp(format, "s") == 0) {
    if (va_arg(arguments, const char*) != kMarker) return false;
    bytes->assign(now.data);
    now.next = Next::kRequestHeader;
    return true;
  }
  if (now.next == Next::kRequestHeader && strcmp(format, "bdsb") == 0) {
    put_u8(bytes, static_cast<uint8_t>(va_arg(arguments, unsigned)));
    put_u32(bytes, va_arg(arguments, uint32_t));
    put_string(bytes, now.text);
    put_u8(bytes, now.want_reply ? 1 : 0);
    now.next = Next::kNothing;
    return true;
  }
  if (now.next == Next::kOpenFailure && strcmp(format, "bdddd") == 0) {
    put_u8(bytes, static_cast<uint8_t>(va_arg(arguments, unsigned)));
    put_u32(bytes, va_arg(arguments, uint32_t));
    put_u32(bytes, now.reason_code);
    put_string(bytes, now.text);
    put_string(bytes, "");  // language tag
    now.next = Next::kNothing;
    return true;
  }
  return false;
}

// queue_reply_message makes libssh queue a message whose answer is the answer to this request.
void queue_reply_message(ssh_session session, ssh_channel channel) {
  std::string data;
  put_string(&data, kMarker);
  ssh_buffer buffer = ssh_buffer_new();
  if (buffer == nullptr) return;
  if (ssh_buffer_add_data(buffer, data.data(), static_cast<uint32_t>(data.size())) == 0) {
    ssh_message_handle_channel_request(session, channel, buffer, "subsystem", 1);
  }
  ssh_buffer_free(buffer);
}

// lacks_touch tells whether a login is signed by a security key that nobody touched: the flags
// behind the signature say so (OpenSSH's PROTOCOL.u2f), which libssh covers and does not look at.
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

// has_plain_key tells whether a comma-separated list of algorithms names ssh-ed25519.
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

void forget_packets(ssh_session session) { sessions.erase(session); }

uint64_t auth_packets(ssh_session session) {
  SessionState* state = find_state(session);
  return state == nullptr ? 0 : state->auth_packets;
}

bool untouched(ssh_session session) {
  SessionState* state = find_state(session);
  return state != nullptr && state->untouched;
}

int send_channel_request(ssh_channel channel, std::string_view name, std::string_view data,
                         bool want_reply) {
  pack_override = {PackOverride::Next::kRequestData, name, data, want_reply, 0};
  // Of libssh's requests, subsystem waits for a reply and signal does not.
  const int rc = want_reply ? ssh_channel_request_subsystem(channel, kMarker)
                            : ssh_channel_request_send_signal(channel, kMarker);
  pack_override = {};
  return rc;
}

int refuse_channel_open(ssh_message open, uint32_t reason_code, std::string_view text) {
  if (ssh_message_type(open) != SSH_REQUEST_CHANNEL_OPEN) return SSH_ERROR;
  pack_override = {PackOverride::Next::kOpenFailure, text, {}, false, reason_code};
  const int rc = ssh_message_reply_default(open);
  pack_override = {};
  return rc;
}

void set_host_certificate(ssh_session session, std::string certificate_blob) {
  sessions[session].host_certificate = std::move(certificate_blob);
}

}  // namespace gatetape::gateway

// The wrapped functions: the linker sends libssh's own calls here.
extern "C" {

using namespace gatetape;           // NOLINT: C linkage, this file's own namespace
using namespace gatetape::gateway;  // NOLINT

int __wrap__ssh_buffer_pack(ssh_buffer buffer, const char* format, size_t count, ...) {
  va_list arguments;
  va_start(arguments, count);
  va_list peeked;
  va_copy(peeked, arguments);
  std::string bytes;
  const int rc =
      override_pack(format, peeked, &bytes)
          ? ssh_buffer_add_data(buffer, bytes.data(), static_cast<uint32_t>(bytes.size()))
          : ssh_buffer_pack_va(buffer, format, count, arguments);
  va_end(peeked);
  va_end(arguments);
  return rc;
}

int __wrap_channel_rcv_request(ssh_session session, uint8_t type, ssh_buffer packet, void* user) {
  PacketSink* sink = find_sink(session);
  ByteReader reader(sink == nullptr ? std::string_view{} : bytes_of(packet));
  uint32_t id = 0;
  std::string_view name;
  uint8_t want_reply = 0;
  reader.get_u32(&id);
  reader.get_string(&name);
  const bool parsed = reader.get_u8(&want_reply);
  ssh_channel channel = parsed ? ssh_channel_from_local(session, id) : nullptr;
  if (channel == nullptr || name == kKeepalive) {
    return __real_channel_rcv_request(session, type, packet, user);
  }
  sink->on_channel_request(channel, name, want_reply != 0, reader.rest());
  // After our CLOSE nothing may be answered any more (RFC 4254 section 5.3).
  if (want_reply != 0 && !ssh_channel_is_closed(channel)) queue_reply_message(session, channel);
  return kPacketUsed;
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

// server_set_kex tells by this call which host key algorithms it offers, at the start and at a
// rekey.
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
  negotiating = find_state(session);
  if (negotiating != nullptr) negotiating->certificate_negotiated = false;
  const int rc = __real_crypt_set_algorithms_server(session);
  negotiating = nullptr;
  return rc;
}

// Called by crypt_set_algorithms_server to find the host key that signs: the plain one.
int __wrap_ssh_key_type_from_signature_name(const char* name) {
  if (negotiating == nullptr || name == nullptr || strcmp(name, kCertificateAlgorithm) != 0) {
    return __real_ssh_key_type_from_signature_name(name);
  }
  negotiating->certificate_negotiated = true;
  return __real_ssh_key_type_from_signature_name(kPlainAlgorithm);
}

// Called with the plain public key that the key exchange would show to the client, and hash.
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
