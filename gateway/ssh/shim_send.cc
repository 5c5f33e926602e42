// The functions of the shim that send: each calls a function of libssh that sends a packet of the
// same kind, and replaces the contents of that packet.
#include <cstdarg>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "gateway/ssh/shim.h"

// Functions of libssh 0.10 that its headers do not declare and its archive exports.
extern "C" {
int ssh_buffer_pack_va(ssh_buffer buffer, const char* format, size_t count, va_list arguments);
}

namespace gatetape::gateway {
namespace {

// An argument that marks our own calls of libssh. It is recognized by its address, which libssh's
// internal calls cannot have.
constexpr char kMarker[] = "gatetape";
constexpr uint8_t kDisconnectPacket = 1;     // SSH_MSG_DISCONNECT
constexpr uint8_t kWindowAdjustPacket = 93;  // SSH_MSG_CHANNEL_WINDOW_ADJUST
// What libssh believes to be the window after open_window. It is larger than any real window, so
// that libssh, which opens a window below 640,000 bytes, leaves that to us.
constexpr uint32_t kBelievedWindowBytes = 1U << 30;

// PackOverride replaces the contents of libssh's next packet. It is set while one of our functions
// calls libssh, and each step is used once, so that other packets that libssh sends during the call
// (answers, a rekey) stay unchanged.
struct PackOverride {
  enum class Next {
    kNothing,
    kRequestData,
    kRequestHeader,
    kOpenFailure,
    kBanner,
    kDisconnect,
    kWindowAdjust,
  };
  Next next = Next::kNothing;
  std::string_view text;  // the name of the request, or the text of the failure or banner
  std::string_view data;  // of the request, or the language tag of the banner
  bool want_reply = false;
  uint32_t reason_code = 0;
  uint32_t window_bytes = 0;
};
thread_local PackOverride pack_override;
thread_local bool receives_data = false;  // libssh handles data of a watched session

// override_pack writes the replacement of one ssh_buffer_pack into `bytes`. It returns false when
// the call is not the expected one and must not be replaced.
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
  if (now.next == Next::kBanner && strcmp(format, "bSs") == 0) {
    put_u8(bytes, static_cast<uint8_t>(va_arg(arguments, unsigned)));
    put_string(bytes, now.text);
    put_string(bytes, now.data);
    now.next = Next::kNothing;
    return true;
  }
  if (now.next == Next::kDisconnect && strcmp(format, "bSs") == 0) {
    put_u8(bytes, kDisconnectPacket);
    put_u32(bytes, now.reason_code);
    put_string(bytes, now.text);
    put_string(bytes, "");  // language tag
    now.next = Next::kNothing;
    return true;
  }
  const bool is_ours = now.next == Next::kWindowAdjust;
  if ((is_ours || receives_data) && strcmp(format, "bdd") == 0) {
    const auto type = static_cast<uint8_t>(va_arg(arguments, unsigned));
    if (type != kWindowAdjustPacket) return false;
    put_u8(bytes, type);
    put_u32(bytes, va_arg(arguments, uint32_t));
    put_u32(bytes, is_ours ? now.window_bytes : 0);
    if (is_ours) now.next = Next::kNothing;
    return true;
  }
  return false;
}

// send_as_banner sends a packet by libssh's function for banners, which sends and does nothing
// else.
int send_as_banner(ssh_session session, const PackOverride& packet) {
  CHECK(pack_override.next == PackOverride::Next::kNothing, packet.text.size());
  ssh_string replaced = ssh_string_new(0);
  if (replaced == nullptr) return SSH_ERROR;
  pack_override = packet;
  const int rc = ssh_send_issue_banner(session, replaced);
  pack_override = {};
  ssh_string_free(replaced);
  return rc;
}

}  // namespace

int send_channel_request(ssh_channel channel, std::string_view name, std::string_view data,
                         bool want_reply) {
  CHECK(pack_override.next == PackOverride::Next::kNothing, name);
  pack_override = {PackOverride::Next::kRequestData, name, data, want_reply};
  // libssh's function for "signal" does not wait for a reply.
  const int rc = ssh_channel_request_send_signal(channel, kMarker);
  pack_override = {};
  return rc;
}

int send_banner(ssh_session session, std::string_view text, std::string_view language) {
  return send_as_banner(session, {PackOverride::Next::kBanner, text, language});
}

int send_disconnect(ssh_session session, uint32_t reason_code, std::string_view text) {
  return send_as_banner(session, {PackOverride::Next::kDisconnect, text, {}, false, reason_code});
}

// libssh has no function that only opens the window. A read of more bytes than the window has does
// it before it reads; then it finds nothing, because the pause keeps it from the socket.
bool open_window(ssh_channel channel, size_t bytes) {
  CHECK(pack_override.next == PackOverride::Next::kNothing, bytes);
  const IoPause pause;
  if (ssh_channel_is_open(channel) == 0) return false;
  if (ssh_channel_poll(channel, 0) != 0 || ssh_channel_poll(channel, 1) != 0) return false;
  pack_override.next = PackOverride::Next::kWindowAdjust;
  pack_override.window_bytes = static_cast<uint32_t>(bytes);
  char nothing = 0;
  const int count = ssh_channel_read_timeout(channel, &nothing, kBelievedWindowBytes, 0, 0);
  CHECK(count <= 0, count);
  const bool is_sent = pack_override.next == PackOverride::Next::kNothing;
  pack_override = {};
  return is_sent;
}

DataScope::DataScope(bool is_watched) { receives_data = is_watched; }

DataScope::~DataScope() { receives_data = false; }

int refuse_channel_open(ssh_message open, uint32_t reason_code, std::string_view text) {
  if (ssh_message_type(open) != SSH_REQUEST_CHANNEL_OPEN) return SSH_ERROR;
  CHECK(pack_override.next == PackOverride::Next::kNothing, text);
  pack_override = {PackOverride::Next::kOpenFailure, text, {}, false, reason_code};
  const int rc = ssh_message_reply_default(open);
  pack_override = {};
  return rc;
}

}  // namespace gatetape::gateway

// The wrapped function. The linker redirects libssh's calls to it.
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

}  // extern "C"
