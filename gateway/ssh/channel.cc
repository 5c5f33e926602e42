#include "gateway/ssh/channel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "gateway/ssh/shim.h"
#include "policy/channel_rules.h"

namespace gatetape::gateway {
namespace {

constexpr size_t kFrameBytes = 64 * 1024;          // of one frame of stream bytes
constexpr size_t kWriteBytes = 128 * 1024;         // of one ssh_channel_write
constexpr size_t kOutboxBytesMax = 1024 * 1024;    // released and not written, one direction
constexpr size_t kDrainBytes = 256 * 1024;         // read at once of what libssh held
constexpr size_t kHeldBytesMax = 2 * 1024 * 1024;  // by libssh, whose window is 1.25 MiB
constexpr size_t kRequestBytesMax = 64 * 1024;
constexpr size_t kRequestsWaitingMax = 256;
constexpr int kFramesAFlush = 64;  // fairness between sessions

}  // namespace

Channel::Channel(Owner& owner, uint32_t number, const Grant& grant, SshPeer& user, ssh_message open)
    : owner_(owner), number_(number), grant_(grant), open_message_(open) {
  user_.channel = target_.channel = this;
  user_.is_user = true;
  user_.peer = &user;
  offer(FrameKind::kChannelOpen, Event{{"type", "session"}}.encode());
}

Channel::~Channel() {
  if (open_message_ != nullptr) ssh_message_free(open_message_);
  for (ssh_message right : rights_) ssh_message_free(right);
  detach(user_);
  detach(target_);
}

void Channel::on_request(ssh_channel from, std::string_view name, bool want_reply,
                         std::string_view data) {
  Side& side = from == user_.handle ? user_ : target_;
  if (side.is_user && want_reply) rights_owed_++;
  if (rights_owed_ > kRequestsWaitingMax || side.held_requests.size() > kRequestsWaitingMax)
    return owner_.on_misuse("too many requests wait on one channel");
  if (data.size() > kRequestBytesMax || name.size() > 256)
    return owner_.on_misuse("a channel request is too long");
  const Request request{std::string(name), want_reply, std::string(data)};
  if (side.held) {
    side.held_requests.push_back(request);
  } else {
    offer_request(side, request);
  }
}

void Channel::on_reply_right(ssh_message message) { rights_.push_back(message); }

void Channel::on_released(tee::FramePtr frame, SshPeer& target) {
  if (std::max(user_.outbox.step_bytes(), target_.outbox.step_bytes()) > kStepBytesMax)
    return owner_.on_misuse("more requests than the other side takes");
  switch (frame->frame.kind) {
    case FrameKind::kChannelOpen:
      target_.peer = &target;
      opening_ = true;
      return;
    case FrameKind::kChannelOpenReply:
      return answer_open(*Event::decode(frame->frame.payload));
    case FrameKind::kIn:
    case FrameKind::kRequestIn:
    case FrameKind::kDenied:
    case FrameKind::kEofIn:
    case FrameKind::kCloseIn:
      return target_.outbox.push(std::move(frame));
    default:
      return user_.outbox.push(std::move(frame));
  }
}

// A dead libssh session gives nothing back: what it held is lost, and an exit status behind it
// would hide that.
void Channel::on_target_gone(const std::string& text) {
  const size_t lost = target_.held_bytes[0] + target_.held_bytes[1];
  if (lost > 0) target_.held_requests.clear();
  gone_ = text + (lost > 0 ? ", " + std::to_string(lost) + " bytes of its output are lost" : "");
  target_.held = false;
  target_.close_sent = true;
  target_.eof_seen = target_.close_seen = true;
  target_.outbox.clear();
  if (user_.handle != nullptr) offer_loss();
}

void Channel::offer_loss() {
  if (target_.close_offered) return;
  offer(FrameKind::kNotice, Event{{"text", gone_ + "\r\n"}}.encode());
  offer_endings(target_);
}

// Written first: that makes room for what is held, and nothing else might wake us for it.
void Channel::service() {
  if (finished_) return;
  if (opening_) open_on_target();
  if (user_.handle == nullptr || target_.handle == nullptr) return;
  flush(target_);
  flush(user_);
  unhold(user_);
  unhold(target_);
  finished_ = user_.close_sent && user_.close_seen && target_.close_sent && target_.close_seen;
}

int Channel::on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int is_stderr,
                     void* user_data) {
  Side& side = *static_cast<Side*>(user_data);
  if (count > kHeldBytesMax) side.channel->owner_.on_misuse("more data than the window allows");
  if (side.held || !side.channel->room_from(side)) {
    side.held = true;  // all `bytes` stay with libssh, whose window closes
    side.held_bytes[is_stderr != 0 ? 1 : 0] = count;
    return 0;
  }
  side.channel->offer_bytes(side, {static_cast<const char*>(bytes), count}, is_stderr != 0);
  return static_cast<int>(count);
}

void Channel::on_eof(ssh_session, ssh_channel, void* user_data) {
  Side& side = *static_cast<Side*>(user_data);
  side.eof_seen = true;
  side.channel->offer_endings(side);
}

void Channel::on_close(ssh_session, ssh_channel, void* user_data) {
  Side& side = *static_cast<Side*>(user_data);
  side.close_seen = true;
  side.channel->offer_endings(side);
}

void Channel::attach(Side& side, ssh_channel handle) {
  side.handle = handle;
  side.callbacks.userdata = &side;
  side.callbacks.channel_data_function = on_data;
  side.callbacks.channel_eof_function = on_eof;
  side.callbacks.channel_close_function = on_close;
  ssh_callbacks_init(&side.callbacks);
  const int result = ssh_set_channel_callbacks(handle, &side.callbacks);
  CHECK(result == SSH_OK, result);
}

void Channel::detach(Side& side) {
  if (side.handle == nullptr) return;
  ssh_remove_channel_callbacks(side.handle, &side.callbacks);
  ssh_channel_free(side.handle);
  side.handle = nullptr;
}

uint64_t Channel::offer(FrameKind kind, std::string payload) {
  return owner_.offer(number_, kind, std::move(payload));
}

void Channel::offer_bytes(const Side& from, std::string_view bytes, bool is_stderr) {
  if (from.is_user && is_stderr)
    return owner_.on_misuse("extended data from a client (RFC 4254 section 5.2)");
  const FrameKind out = is_stderr ? FrameKind::kErr : FrameKind::kOut;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kFrameBytes)))
    offer(from.is_user ? FrameKind::kIn : out, std::string(bytes.substr(0, kFrameBytes)));
}

void Channel::offer_request(const Side& from, const Request& request) {
  Event event{{"request", request.name}, {"want_reply", request.want_reply ? "1" : "0"}};
  std::string refusal;
  if (from.is_user) {
    const bool starts = starts_program(request.name);
    refusal = refusal_of(grant_, request.name, request.data);
    if (starts && started_) refusal = "the channel runs a program already";
    if (starts && refusal.empty()) started_ = true;
  } else if (request.want_reply) {
    refusal = "requests of a target that want a reply do not pass";
  }
  if (refusal.empty()) {
    event.add("data", request.data);
    offer(from.is_user ? FrameKind::kRequestIn : FrameKind::kRequestOut, event.encode());
    return;
  }
  Event denied{{"what", "request"}, {"name", request.name}, {"reason", refusal}};
  denied.add("data", request.data).add("want_reply", request.want_reply ? "1" : "0");
  denied.add("side", from.is_user ? "user" : "target");
  offer(FrameKind::kDenied, denied.encode());
}

// After the bytes that libssh still holds: what followed them, in order.
void Channel::offer_endings(Side& from) {
  if (from.held) return;
  while (!from.held_requests.empty()) {
    offer_request(from, from.held_requests.front());
    from.held_requests.pop_front();
  }
  if (from.eof_seen && !from.eof_offered && !from.close_seen) {
    from.eof_offered = true;
    offer(from.is_user ? FrameKind::kEofIn : FrameKind::kEofOut, "");
  }
  if (from.close_seen && !from.close_offered) {
    from.close_offered = true;
    offer(from.is_user ? FrameKind::kCloseIn : FrameKind::kCloseOut, "");
  }
}

bool Channel::room_from(const Side& from) const {
  const Side& to = from.is_user ? target_ : user_;
  return owner_.has_room() && to.outbox.bytes() < kOutboxBytesMax;
}

// Takes back what libssh holds, all of it, beyond what there is room for: each read opens the whole
// window again, whatever stays behind. Never reads more: that would pump the socket, and what it
// brought would overtake the requests that are held.
void Channel::unhold(Side& side) {
  if (!side.held || !room_from(side)) return;
  thread_local std::vector<char> buffer(kDrainBytes);
  for (const bool is_stderr : {false, true}) {
    for (size_t& left = side.held_bytes[is_stderr ? 1 : 0]; left > 0;) {
      const auto wanted = static_cast<uint32_t>(std::min(left, kDrainBytes));
      const int count =
          ssh_channel_read_nonblocking(side.handle, buffer.data(), wanted, is_stderr ? 1 : 0);
      if (count <= 0) return;  // the connection is dead
      left -= static_cast<size_t>(count);
      offer_bytes(side, {buffer.data(), static_cast<size_t>(count)}, is_stderr);
    }
  }
  side.held = false;
  offer_endings(side);
}

void Channel::open_on_target() {
  int result = SSH_ERROR;
  if (!target_.peer->dead()) {
    if (target_.handle == nullptr) attach(target_, ssh_channel_new(target_.peer->session()));
    result = ssh_channel_open_session(target_.handle);
    if (result == SSH_AGAIN) return;
  }
  opening_ = false;
  Event reply{{"ok", result == SSH_OK ? "1" : "0"}};
  if (result != SSH_OK) reply.add("reason", ssh_get_error(target_.peer->session()));
  offer(FrameKind::kChannelOpenReply, reply.encode());
}

void Channel::answer_open(const Event& reply) {
  if (open_message_ == nullptr || finished_ || user_.peer->dead()) return;
  if (reply.get("ok") == "1") {
    const ssh_channel handle = ssh_message_channel_request_open_reply_accept(open_message_);
    if (handle != nullptr) attach(user_, handle);
    if (handle != nullptr && !gone_.empty()) offer_loss();
  } else {
    refuse_channel_open(open_message_, kConnectFailed,
                        "the target refused the channel: " + printable(reply.get("reason")));
  }
  ssh_message_free(open_message_);
  open_message_ = nullptr;
  finished_ = user_.handle == nullptr;
}

void Channel::flush(Side& side) {
  if (side.close_sent || side.peer->dead()) side.outbox.clear();
  for (int i = 0; !side.outbox.empty(); i++) {
    if (i == kFramesAFlush) return owner_.on_more();
    if (!write_front(side)) return;
  }
}

// Writes the front of an outbox on, or a part of it. False when it must wait: also while libssh
// still holds bytes for a slow socket, which bounds what it buffers.
bool Channel::write_front(Side& side) {
  const Frame& frame = side.outbox.front();
  if (frame.kind != FrameKind::kDenied && side.peer->write_pending()) return false;
  switch (frame.kind) {
    case FrameKind::kIn:
    case FrameKind::kOut:
      return write_bytes(side, false);
    case FrameKind::kErr:
      return write_bytes(side, true);
    case FrameKind::kRequestIn:
      if (!side.close_seen && !write_request_in(frame)) return false;
      break;
    case FrameKind::kRequestOut: {
      // Also to a user who closed already: stock ssh does at EOF, and waits for the exit status.
      const absl::StatusOr<Event> event = Event::decode(frame.payload);
      send_request(side, *event, false);
      break;
    }
    case FrameKind::kReplyOut:
      if (!answer_request(Event::decode(frame.payload)->get("ok") == "1")) return false;
      break;
    case FrameKind::kDenied:
      notice_denial(frame);
      break;
    case FrameKind::kNotice:
      if (!write_notice(frame)) return false;
      break;
    case FrameKind::kEofIn:
    case FrameKind::kEofOut:
      if (!side.close_seen) ssh_channel_send_eof(side.handle);
      break;
    case FrameKind::kCloseIn:
    case FrameKind::kCloseOut:
      return write_close(side);
    default:
      break;
  }
  side.outbox.pop();
  return true;
}

bool Channel::write_bytes(Side& side, bool to_stderr) {
  if (side.close_seen) return side.outbox.pop(), true;
  const std::string_view rest = side.outbox.rest();
  const size_t window = ssh_channel_window_size(side.handle);
  const size_t count = std::min({rest.size(), kWriteBytes, window});
  if (count == 0 && !rest.empty()) return false;
  const auto length = static_cast<uint32_t>(count);
  const int written = to_stderr ? ssh_channel_write_stderr(side.handle, rest.data(), length)
                                : ssh_channel_write(side.handle, rest.data(), length);
  if (written == SSH_AGAIN) return false;
  if (written < 0) return side.close_seen = true, offer_endings(side), true;
  side.outbox.take(static_cast<size_t>(written));
  return written > 0;  // 0: a key exchange is going on
}

bool Channel::write_close(Side& side) {
  const int result = ssh_channel_close(side.handle);
  if (result == SSH_AGAIN) return false;
  side.close_sent = true;
  side.outbox.clear();
  return false;
}

}  // namespace gatetape::gateway
