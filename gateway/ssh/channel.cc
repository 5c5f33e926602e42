#include "gateway/ssh/channel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "gateway/ssh/session.h"
#include "gateway/ssh/shim.h"

namespace gatetape::gateway {

Channel::Channel(Session& session, SshPeer& user, ssh_message open)
    : session_(session), user_(user), open_message_(open) {
  for (const Side side : {Side::kUser, Side::kTarget}) {
    End& end = ends_[static_cast<size_t>(side)];
    end.channel = this;
    end.side = side;
  }
  session_.add_channel(this);
}

Channel::~Channel() {
  session_.remove_channel(this);
  if (open_message_ != nullptr) ssh_message_free(open_message_);
  for (ssh_message right : reply_rights_) ssh_message_free(right);
  for (End& end : ends_) {
    if (end.handle == nullptr) continue;
    ssh_remove_channel_callbacks(end.handle, &end.callbacks);
    ssh_channel_free(end.handle);
  }
}

ssh_message Channel::take_open_message() { return std::exchange(open_message_, nullptr); }

std::optional<Side> Channel::side_of(ssh_channel handle) const {
  for (const End& end : ends_)
    if (end.handle == handle && handle != nullptr) return end.side;
  return std::nullopt;
}

SshPeer* Channel::peer_of(Side side) const {
  return side == Side::kUser ? &user_ : session_.target_peer();
}

void Channel::attach(Side side, ssh_channel handle) {
  End& end = ends_[static_cast<size_t>(side)];
  CHECK(end.handle == nullptr, static_cast<int>(side));
  end.handle = handle;
  end.callbacks.userdata = &end;
  end.callbacks.channel_data_function = on_data;
  end.callbacks.channel_eof_function = on_eof;
  end.callbacks.channel_close_function = on_close;
  ssh_callbacks_init(&end.callbacks);
  const int result = ssh_set_channel_callbacks(handle, &end.callbacks);
  CHECK(result == SSH_OK, result);
}

int Channel::on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int is_stderr,
                     void* user_data) {
  const End& end = *static_cast<End*>(user_data);
  const Stream stream = is_stderr != 0 ? Stream::kStderr : Stream::kData;
  const std::string_view data(static_cast<const char*>(bytes), count);
  return static_cast<int>(end.channel->core_->on_bytes(end.side, stream, data));
}

void Channel::on_eof(ssh_session, ssh_channel, void* user_data) {
  const End& end = *static_cast<End*>(user_data);
  end.channel->core_->on_eof(end.side);
}

void Channel::on_close(ssh_session, ssh_channel, void* user_data) {
  const End& end = *static_cast<End*>(user_data);
  end.channel->core_->on_close(end.side);
}

void Channel::open_now() {
  if (!opening_) return;
  SshPeer* const target = session_.target_peer();
  CHECK(target != nullptr, core_->number());
  if (target->dead()) return on_open_reply(false, "the connection to the target is lost");
  if (handle_of(Side::kTarget) != nullptr) return;  // sent already
  attach(Side::kTarget, ssh_channel_new(target->session()));
  // libssh reads the socket in this call, so that the answer may arrive inside it.
  const int result = ssh_channel_open_session(handle_of(Side::kTarget));
  if (result == SSH_ERROR && opening_) on_open_reply(false, ssh_get_error(target->session()));
}

void Channel::on_open_reply(bool ok, std::string_view text) {
  opening_ = false;
  core_->on_open_answer(ok, text);
}

bool Channel::accept_open() {
  CHECK(open_message_ != nullptr, core_->number());
  const ssh_message message = take_open_message();
  const ssh_channel handle = ssh_message_channel_request_open_reply_accept(message);
  if (handle != nullptr) attach(Side::kUser, handle);
  ssh_message_free(message);
  return handle != nullptr;
}

void Channel::refuse_open(OpenFailure why, std::string_view text) {
  CHECK(open_message_ != nullptr, text);
  const ssh_message message = take_open_message();
  if (!user_.dead()) refuse_channel_open(message, static_cast<uint32_t>(why), text);
  ssh_message_free(message);
}

bool Channel::lost(Side side) const {
  const SshPeer* const peer = peer_of(side);
  return peer == nullptr || peer->dead();
}

bool Channel::busy(Side side) const { return peer_of(side)->write_pending(); }

size_t Channel::window(Side side) const { return ssh_channel_window_size(handle_of(side)); }

ChannelPort::Written Channel::write(Side side, Stream stream, std::string_view bytes) {
  const ssh_channel handle = handle_of(side);
  const auto length = static_cast<uint32_t>(bytes.size());
  const int written = stream == Stream::kStderr
                          ? ssh_channel_write_stderr(handle, bytes.data(), length)
                          : ssh_channel_write(handle, bytes.data(), length);
  if (written == SSH_AGAIN) return {};
  if (written < 0) return {.bytes = 0, .closed = true};
  return {.bytes = static_cast<size_t>(written), .closed = false};  // 0 in a key exchange
}

ChannelPort::Kept Channel::send_request(Side side, const Request& request) {
  const SshPeer& peer = *peer_of(side);
  const uint64_t sent = peer.packets_sent();
  send_channel_request(handle_of(side), request.name, request.data, request.want_reply);
  return peer.packets_sent() == sent ? Kept::kKept : Kept::kSent;
}

bool Channel::answer_request(bool ok) {
  if (reply_rights_.empty()) return false;  // the message is still in libssh's queue
  const ssh_message right = reply_rights_.front();
  reply_rights_.pop_front();
  if (ok) {
    ssh_message_channel_request_reply_success(right);
  } else {
    ssh_message_reply_default(right);
  }
  ssh_message_free(right);
  return true;
}

void Channel::send_eof(Side side) { ssh_channel_send_eof(handle_of(side)); }

bool Channel::send_close(Side side) { return ssh_channel_close(handle_of(side)) != SSH_AGAIN; }

std::string_view Channel::read_held(Side side, Stream stream, size_t bytes_max) {
  thread_local std::vector<char> buffer;
  if (buffer.size() < bytes_max) buffer.resize(bytes_max);
  const int count =
      ssh_channel_read_nonblocking(handle_of(side), buffer.data(), static_cast<uint32_t>(bytes_max),
                                   stream == Stream::kStderr ? 1 : 0);
  if (count <= 0) return {};
  return {buffer.data(), static_cast<size_t>(count)};
}

bool Channel::open_window(Side side, size_t bytes) {
  return gateway::open_window(handle_of(side), bytes);
}

}  // namespace gatetape::gateway
