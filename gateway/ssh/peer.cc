#include "gateway/ssh/peer.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

constexpr int kReadsAPump = 32;         // of up to 4096 bytes each: fairness between sessions
constexpr int kMessagesAPump = 256;     // which may each cost a read
constexpr uint64_t kPacketsAPump = 64;  // beyond it no other read: each may become a frame
constexpr int kMessagesOfGoodbye = 64;
// Answers that libssh holds for a peer that does not read them: it makes them by itself.
constexpr uint64_t kUnreadPacketsMax = 4096;

}  // namespace

SshPeer::SshPeer(Loop& loop, Role role, int fd, bool hop, Owner* owner)
    : loop_(loop), role_(role), fd_(fd), hop_(hop), owner_(owner), session_(ssh_new()) {
  CHECK(session_ != nullptr);
  attached_ = hop;
  ssh_set_blocking(session_, 0);
  ssh_set_counters(session_, &counters_, &raw_counters_);
  ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_C_S, "none");
  ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_S_C, "none");
}

// libssh closes the descriptor itself in most endings; the shim keeps it open until io_detach.
SshPeer::~SshPeer() {
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
  io_attach(fd_);
  attached_ = true;
}

void SshPeer::on_ready(uint32_t) {
  pump();
  if (dead_) disarm();
  owner_->on_activity();
}

void SshPeer::pump() {
  if (dead_) return;
  if (!owner_->may_read()) {
    if (write_pending()) ssh_blocking_flush(session_, 0);
    return;
  }
  if (!handshake_done_) {
    handshake_done_ = owner_->on_handshake();
    if (!handshake_done_ || dead_) return;
  }
  unread_ = false;
  int messages = 0;
  const uint64_t first_packet = raw_counters_.in_packets;
  for (int i = 0; i < kReadsAPump && !unread_; i++) {
    const uint64_t before = counters_.in_bytes;
    while (owner_->may_read() && !unread_) {
      const ssh_message message = ssh_message_get(session_);
      if (floods() && message != nullptr) ssh_message_free(message);
      if (message == nullptr || dead_) break;
      owner_->on_message(message);
      if (dead_) return;
      unread_ = ++messages == kMessagesAPump;
    }
    if (dead_) return;
    if (ssh_is_connected(session_) == 0 ||
        (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
      dead_ = true;
      return;
    }
    if (!owner_->may_read()) break;
    if (counters_.in_bytes == before && !io_readable(fd_)) break;
    unread_ = unread_ || raw_counters_.in_packets - first_packet > kPacketsAPump;
  }
  seen_bytes_ = counters_.in_bytes;
}

void SshPeer::settle() {
  if (dead_) return disarm();
  if (handshake_done_ && ssh_is_connected(session_) == 0) {
    dead_ = true;
    return owner_->on_activity();
  }
  const bool unread = handshake_done_ && (unread_ || counters_.in_bytes != seen_bytes_);
  const bool buffered = attached_ && io_readable(fd_);
  const bool hop_stuck = hop_ && write_pending() && hop_has_room(fd_);
  if (((unread || buffered) && owner_->may_read()) || hop_stuck) {
    pump();
    owner_->on_activity();
  }
  arm();
}

void SshPeer::disconnect(const std::string& text) {
  if (dead_) return;
  ssh_session_set_disconnect_message(session_, text.c_str());
  // libssh drops the text when its socket was not found writable since the last write.
  for (int i = 0; i < kMessagesOfGoodbye; i++) {
    const ssh_message message = ssh_message_get(session_);
    if (message == nullptr) break;
    ssh_message_free(message);
  }
  ssh_disconnect(session_);
  dead_ = true;
}

// Ends a peer that has more and more answered and reads none of it.
bool SshPeer::floods() {
  if (!write_pending() || raw_counters_.out_packets - drained_packets_ <= kUnreadPacketsMax)
    return false;
  if (!dead_) owner_->on_misuse("it asks and does not read the answers");
  dead_ = true;
  return true;
}

// epoll would report a hang-up again and again.
void SshPeer::disarm() {
  if (armed_ != 0) loop_.unwatch(fd_);
  armed_ = 0;
}

void SshPeer::arm() {
  if (hop_ || dead_) return;
  uint32_t events = owner_->may_read() ? static_cast<uint32_t>(EPOLLIN) : 0U;
  const bool connecting = role_ == Role::kClient && !handshake_done_;
  const int flags = connecting ? ssh_get_poll_flags(session_) : ssh_get_status(session_);
  if ((flags & SSH_WRITE_PENDING) != 0) events |= EPOLLOUT;
  if (events == armed_) return;
  if (events == 0) return disarm();
  loop_.watch(fd_, events, this);
  armed_ = events;
}

}  // namespace gatetape::gateway
