#include "gateway/ssh/peer.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

// Limits of one pump, for fairness between sessions. At a limit the pump returns, and the loop
// serves the other sessions before it pumps this one again.
constexpr int kReadsPerPump = 32;         // reads of up to 4096 bytes
constexpr int kMessagesPerPump = 256;     // messages, because ssh_message_get may read too
constexpr uint64_t kPacketsPerPump = 64;  // packets, because each may become a frame
// Time for which the last bytes of a dead peer are on their way, in nanoseconds. Then the socket is
// closed. One round trip is enough for a client that reads.
constexpr int64_t kLingerNs = 1'000'000'000;
constexpr uint32_t kProtocolError = 2;   // SSH_DISCONNECT_PROTOCOL_ERROR
constexpr uint32_t kByApplication = 11;  // SSH_DISCONNECT_BY_APPLICATION
// Packets that libssh holds for a peer that does not read. Above this limit the peer is marked
// dead, because libssh answers some requests itself and without a limit.
constexpr uint64_t kUnreadPacketsMax = 4096;

}  // namespace

SshPeer::SshPeer(Loop& loop, Role role, int fd, bool in_memory, Owner* owner)
    : loop_(loop), role_(role), fd_(fd), in_memory_(in_memory), owner_(owner), session_(ssh_new()) {
  CHECK(session_ != nullptr);
  attached_ = in_memory;
  ssh_set_blocking(session_, 0);
  ssh_set_counters(session_, &counters_, &raw_counters_);
  ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_C_S, "none");
  ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_S_C, "none");
}

// libssh closes the descriptor itself in most cases; the shim keeps it open until io_detach.
SshPeer::~SshPeer() {
  lingers_until_ns_ = 0;
  disarm();
  forget_packets(session_);
  ssh_silent_disconnect(session_);
  ssh_free(session_);
  if (attached_) io_detach(fd_);
}

bool SshPeer::write_pending() const {
  if ((ssh_get_status(session_) & SSH_WRITE_PENDING) != 0) return true;
  drained_packets_ = raw_counters_.out_packets;
  return false;
}

void SshPeer::attach_io() {
  if (attached_) return;
  CHECK(armed_ == 0, fd_, armed_);
  io_attach(fd_);
  attached_ = true;
}

void SshPeer::on_ready(uint32_t) {
  if (lingers()) {
    linger();
    return owner_->on_activity();
  }
  pump();
  if (dead()) disarm();
  owner_->on_activity();
}

// finish_handshake returns true when the handshake is over and the peer is not dead.
bool SshPeer::finish_handshake() {
  const bool over = owner_->on_handshake();
  if (!over || dead()) return false;
  CHECK(state_ == State::kHandshake, static_cast<int>(state_));
  state_ = State::kOpen;
  return true;
}

void SshPeer::pump() {
  if (dead()) return;
  if (!owner_->may_read()) {
    if (write_pending()) ssh_blocking_flush(session_, 0);
    return;
  }
  if (state_ == State::kHandshake && !finish_handshake()) return;
  unread_ = false;
  int messages = 0;
  const uint64_t first_packet = raw_counters_.in_packets;
  for (int i = 0; i < kReadsPerPump && !unread_; i++) {
    const uint64_t before = counters_.in_bytes;
    while (owner_->may_read() && !unread_) {
      const ssh_message message = ssh_message_get(session_);
      if (floods() && message != nullptr) ssh_message_free(message);
      if (message == nullptr || dead()) break;
      owner_->on_message(message);
      if (dead()) return;
      unread_ = ++messages == kMessagesPerPump;
    }
    if (dead()) return;
    if (ssh_is_connected(session_) == 0 ||
        (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
      return break_off();
    }
    if (!owner_->may_read()) break;
    if (counters_.in_bytes == before && !io_readable(fd_)) break;
    unread_ = unread_ || raw_counters_.in_packets - first_packet > kPacketsPerPump;
  }
  CHECK(messages <= kMessagesPerPump, messages);
  CHECK(counters_.in_bytes >= seen_bytes_, seen_bytes_);
  seen_bytes_ = counters_.in_bytes;
}

void SshPeer::catch_up() {
  if (dead()) return disarm();
  if (state_ == State::kOpen && ssh_is_connected(session_) == 0) {
    break_off();
    return owner_->on_activity();
  }
  const bool unread = state_ == State::kOpen && (unread_ || counters_.in_bytes != seen_bytes_);
  const bool buffered = attached_ && io_readable(fd_);
  const bool pipe_stuck = in_memory_ && write_pending() && pipe_has_room(fd_);
  if (((unread || buffered) && owner_->may_read()) || pipe_stuck) {
    pump();
    owner_->on_activity();
  }
  arm();
}

void SshPeer::disconnect(const std::string& text) {
  if (dead()) return;
  say_last(kByApplication, text);
  mark_dead();
  linger();
}

void SshPeer::mark_dead() {
  if (dead()) return;
  const bool is_orderly = has_disconnected(session_) || io_end(fd_) == 0;
  mark_dead({.by_peer = is_orderly, .error = ssh_get_error(session_)});
}

void SshPeer::mark_dead(const Loss& why) {
  if (dead()) return;
  CHECK(!lingers(), fd_);
  loss_ = why;
  state_ = State::kDead;
}

void SshPeer::break_off() {
  if (dead()) return;
  mark_dead();
  if (loss_.by_peer) return;
  if (ssh_is_connected(session_) != 0) say_last(kProtocolError, "gatetape: " + loss_.error);
  linger();
}

void SshPeer::say_last(uint32_t reason_code, const std::string& text) {
  io_end_output(fd_);
  send_disconnect(session_, reason_code, text);
  io_mute(fd_);
}

// linger brings the last bytes of a dead peer to the client as far as possible now.
void SshPeer::linger() {
  CHECK(state_ == State::kDead, fd_);
  if (in_memory_ || !attached_ || role_ == Role::kClient) return;
  if (!lingers()) lingers_until_ns_ = loop_.clock().mono_ns() + kLingerNs;
  if (io_finish(fd_)) {
    lingers_until_ns_ = 0;
    return disarm();
  }
  const uint32_t events = EPOLLIN | (io_unsent(fd_) ? static_cast<uint32_t>(EPOLLOUT) : 0U);
  if (events != armed_) loop_.watch(fd_, events, this);
  armed_ = events;
}

void SshPeer::on_tick(int64_t mono_ns) {
  if (!lingers() || mono_ns < lingers_until_ns_) return;
  CHECK(state_ == State::kDead, static_cast<int>(state_));
  lingers_until_ns_ = 0;
  disarm();
  owner_->on_activity();
}

// floods returns true, and marks the peer dead, when libssh holds too many answers that the peer
// does not read.
bool SshPeer::floods() {
  CHECK(drained_packets_ <= raw_counters_.out_packets, drained_packets_);
  if (!write_pending() || raw_counters_.out_packets - drained_packets_ <= kUnreadPacketsMax)
    return false;
  if (!dead()) owner_->on_misuse("it asks and does not read the answers");
  mark_dead();
  return true;
}

// A dead descriptor is not watched, because epoll would report its hang-up repeatedly.
void SshPeer::disarm() {
  if (lingers()) return;
  if (armed_ != 0) loop_.unwatch(fd_);
  armed_ = 0;
}

void SshPeer::arm() {
  if (in_memory_ || dead()) return;
  uint32_t events = owner_->may_read() ? static_cast<uint32_t>(EPOLLIN) : 0U;
  const bool connecting = role_ == Role::kClient && state_ == State::kHandshake;
  const int flags = connecting ? ssh_get_poll_flags(session_) : ssh_get_status(session_);
  if ((flags & SSH_WRITE_PENDING) != 0) events |= EPOLLOUT;
  if (events == armed_) return;
  if (events == 0) return disarm();
  loop_.watch(fd_, events, this);
  armed_ = events;
  CHECK(!in_memory_ && state_ != State::kDead, fd_, static_cast<int>(state_));
}

}  // namespace gatetape::gateway
