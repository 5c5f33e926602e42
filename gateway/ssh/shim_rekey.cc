// What a peer sends between its own SSH_MSG_KEXINIT and SSH_MSG_NEWKEYS of a later key exchange.
// RFC 4253 section 7.1 allows only messages of the key exchange there, and libssh's packet filter
// ends the connection when another one arrives. OpenSSH accepts it, and clients rely on that
// (Debian's asyncssh, in an upload). This file lets the messages of the connection protocol pass
// the filter as SSH_MSG_IGNORE, and gives them to libssh's handlers at once, so that their order
// stays.
#include "gateway/ssh/shim_rekey.h"

#include <libssh/server.h>

#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/check.h"

// Functions of libssh 0.10 that its headers do not declare and its archive exports.
extern "C" {
using PacketHandler = int(ssh_session session, uint8_t type, ssh_buffer packet, void* user);
PacketHandler ssh_packet_global_request, ssh_request_success, ssh_request_denied,
    ssh_packet_channel_open, ssh_packet_channel_open_conf, ssh_packet_channel_open_fail,
    channel_rcv_change_window, channel_rcv_data, channel_rcv_eof, channel_rcv_close,
    channel_rcv_request, ssh_packet_channel_success, ssh_packet_channel_failure;
PacketHandler __real_ssh_packet_kexinit, __real_ssh_packet_newkeys,
    __real_ssh_packet_ignore_callback;
int __real_ssh_packet_hmac_verify(ssh_session session, const void* data, size_t size, uint8_t* mac,
                                  int type);
uint32_t __real_ssh_buffer_get_u8(ssh_buffer buffer, uint8_t* value);
}

namespace gatetape::gateway {
namespace {

constexpr uint8_t kIgnore = 2;  // SSH_MSG_IGNORE
// Messages of the connection protocol that a peer may send in one of its key exchanges. The next
// one meets libssh's filter, which ends the connection. libssh keeps our answers to them in memory
// until the key exchange is over, so there must be a limit. Clients send what one round trip takes:
// asyncssh fills our window with 40 packets.
constexpr uint32_t kEarlyPacketsMax = 4096;

// KeyExchange is what is known of the key exchanges of one session. The first one has no state
// kRunning: before its end nothing is encrypted, and nobody has logged in.
// Legal transitions: kFirst -> kDone -> kRunning -> kDone
struct KeyExchange {
  enum class State { kFirst, kDone, kRunning };
  State state = State::kFirst;
  uint32_t early_packets = 0;  // in the running one
};

// Incoming is the packet that libssh reads now.
struct Incoming {
  KeyExchange* exchange = nullptr;  // set when the packet comes in a running key exchange
  int bytes_read = 0;               // of its head: the length of the padding, and the type
  uint8_t early_type = 0;           // its true type, when libssh was told kIgnore
};

// The wrapped functions have no argument of ours, so their state is thread-local. A session never
// leaves the thread of its loop.
thread_local std::unordered_map<ssh_session, KeyExchange> exchanges;
thread_local Incoming incoming;

// handler_of returns libssh's handler of a message of the connection protocol, nullptr for other
// types.
PacketHandler* handler_of(uint8_t type) {
  constexpr uint8_t kGlobal = 80;   // SSH_MSG_GLOBAL_REQUEST, and the two that follow
  constexpr uint8_t kChannel = 90;  // SSH_MSG_CHANNEL_OPEN, and the ten that follow
  static constexpr std::array<PacketHandler*, 3> global = {ssh_packet_global_request,
                                                           ssh_request_success, ssh_request_denied};
  static constexpr std::array<PacketHandler*, 11> channel = {ssh_packet_channel_open,
                                                             ssh_packet_channel_open_conf,
                                                             ssh_packet_channel_open_fail,
                                                             channel_rcv_change_window,
                                                             channel_rcv_data,
                                                             channel_rcv_data,
                                                             channel_rcv_eof,
                                                             channel_rcv_close,
                                                             channel_rcv_request,
                                                             ssh_packet_channel_success,
                                                             ssh_packet_channel_failure};
  if (type >= kGlobal && type < kGlobal + global.size()) return global.at(type - kGlobal);
  if (type >= kChannel && type < kChannel + channel.size()) return channel.at(type - kChannel);
  return nullptr;
}

// disguise replaces the type of an early message by kIgnore.
void disguise(uint8_t* type) {
  KeyExchange& exchange = *std::exchange(incoming.exchange, nullptr);
  CHECK(exchange.state == KeyExchange::State::kRunning, exchange.early_packets);
  if (handler_of(*type) == nullptr || exchange.early_packets == kEarlyPacketsMax) return;
  exchange.early_packets++;
  incoming.early_type = std::exchange(*type, kIgnore);
}

}  // namespace

void forget_key_exchange(ssh_session session) {
  incoming = {};
  exchanges.erase(session);
}

}  // namespace gatetape::gateway

// The wrapped functions. The linker redirects libssh's calls to them.
extern "C" {

using namespace gatetape;           // NOLINT: C linkage, this file's own namespace
using namespace gatetape::gateway;  // NOLINT

// libssh's filter has let this pass: it is the first key exchange, or the peer has logged in.
int __wrap_ssh_packet_kexinit(ssh_session session, uint8_t type, ssh_buffer packet, void* user) {
  const auto found = exchanges.find(session);
  if (found != exchanges.end()) found->second = {.state = KeyExchange::State::kRunning};
  return __real_ssh_packet_kexinit(session, type, packet, user);
}

int __wrap_ssh_packet_newkeys(ssh_session session, uint8_t type, ssh_buffer packet, void* user) {
  exchanges[session] = {.state = KeyExchange::State::kDone};
  return __real_ssh_packet_newkeys(session, type, packet, user);
}

// libssh verifies each encrypted packet by this call, and then reads its head.
int __wrap_ssh_packet_hmac_verify(ssh_session session, const void* data, size_t size, uint8_t* mac,
                                  int type) {
  const int rc = __real_ssh_packet_hmac_verify(session, data, size, mac, type);
  const auto found = exchanges.find(session);
  const bool runs = found != exchanges.end() && found->second.state == KeyExchange::State::kRunning;
  incoming = {.exchange = rc == SSH_OK && runs ? &found->second : nullptr};
  return rc;
}

uint32_t __wrap_ssh_buffer_get_u8(ssh_buffer buffer, uint8_t* value) {
  const uint32_t count = __real_ssh_buffer_get_u8(buffer, value);
  if (incoming.exchange != nullptr && ++incoming.bytes_read == 2 && count == 1) disguise(value);
  return count;
}

int __wrap_ssh_packet_ignore_callback(ssh_session session, uint8_t type, ssh_buffer packet,
                                      void* user) {
  const uint8_t early_type = std::exchange(incoming.early_type, uint8_t{0});
  if (early_type == 0) return __real_ssh_packet_ignore_callback(session, type, packet, user);
  return handler_of(early_type)(session, early_type, packet, user);
}

}  // extern "C"
