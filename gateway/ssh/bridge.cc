#include "gateway/ssh/bridge.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace gatetape::gateway {
namespace {

// Bytes that wait in the pipe for the inner server. At this limit libssh keeps what the client
// sends, so that the channel's window closes. The pipe's own limit in the other direction is the
// same.
constexpr size_t kPipeBytesMax = 1024 * 1024;
// Bytes of one write to the channel. The rest follows in further writes, each after a check that
// libssh has no write pending, so that libssh's own buffer stays small.
constexpr size_t kWriteBytes = 128 * 1024;
// Size of the buffer for bytes that libssh kept.
constexpr size_t kDrainBytes = 256 * 1024;
constexpr WindowSizes kWindowSizes;
// The window that libssh accepts a channel with.
constexpr size_t kFirstWindowBytes = 32000;

}  // namespace

Bridge::Bridge(Loop& loop, Member* outer_member, SshPeer& outer, ssh_channel channel, int pipe,
               MemoryBudget::Account& memory)
    : loop_(loop),
      outer_member_(outer_member),
      outer_(outer),
      channel_(channel),
      pipe_(pipe),
      memory_(memory),
      window_(kFirstWindowBytes) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  callbacks_.channel_eof_function = on_eof;
  callbacks_.channel_close_function = on_close;
  ssh_callbacks_init(&callbacks_);
  const int result = ssh_set_channel_callbacks(channel_, &callbacks_);
  CHECK(result == SSH_OK, result);
}

Bridge::~Bridge() {
  memory_.update(counted_bytes_, 0);
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
}

void Bridge::move_to(Inbound to) {
  const bool next = static_cast<int>(to) == static_cast<int>(inbound_) + 1;
  CHECK(next, pipe_, static_cast<int>(inbound_), static_cast<int>(to));
  CHECK(to != Inbound::kEnded || !held_, pipe_);
  inbound_ = to;
}

void Bridge::move_to(Outbound to) {
  const bool legal = to == Outbound::kFinished
                         ? outbound_ == Outbound::kBroken || outbound_ == Outbound::kCloseSent
                         : outbound_ == Outbound::kOpen;
  CHECK(legal, pipe_, static_cast<int>(outbound_), static_cast<int>(to));
  CHECK((to == Outbound::kBroken) == (inner_ != nullptr), pipe_, static_cast<int>(to));
  outbound_ = to;
}

void Bridge::flush() {
  if (finished()) return;
  to_inner();
  to_outer();
  count_memory();
  if (inner_ != nullptr) return;
  if (outbound_ == Outbound::kOpen && ssh_channel_close(channel_) != SSH_AGAIN)
    move_to(Outbound::kCloseSent);
  // libssh keeps the channel until the client has closed it too. Until then it counts against the
  // limit of channels.
  if (outbound_ == Outbound::kBroken || (outbound_ == Outbound::kCloseSent && close_seen_))
    move_to(Outbound::kFinished);
}

int Bridge::on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int, void* user_data) {
  Bridge& bridge = *static_cast<Bridge*>(user_data);
  // The inner connection has ended, or the client sends data after its EOF: nobody reads the bytes.
  if (bridge.inner_ == nullptr || bridge.inbound_ == Inbound::kEnded)
    return static_cast<int>(count);
  if (!bridge.window_.on_received(count - std::min<size_t>(count, bridge.held_bytes_))) {
    bridge.overrun_ = true;
    bridge.loop_.mark(bridge.outer_member_);
  }
  if (bridge.held_ || pipe_pending_in(bridge.pipe_) >= bridge.pipe_bytes_max()) {
    bridge.held_ = true;
    bridge.held_bytes_ = count;
    return 0;
  }
  pipe_feed(bridge.pipe_, {static_cast<const char*>(bytes), count});
  bridge.window_.on_taken(count);
  bridge.loop_.mark(bridge.inner_);
  return static_cast<int>(count);
}

void Bridge::on_eof(ssh_session, ssh_channel, void* user_data) {
  Bridge& bridge = *static_cast<Bridge*>(user_data);
  if (bridge.inbound_ == Inbound::kOpen) bridge.move_to(Inbound::kEnding);
  bridge.loop_.mark(bridge.outer_member_);
}

void Bridge::on_close(ssh_session session, ssh_channel channel, void* user_data) {
  static_cast<Bridge*>(user_data)->close_seen_ = true;
  on_eof(session, channel, user_data);
}

void Bridge::to_inner() {
  if (inner_ == nullptr) return;
  if (held_ && pipe_pending_in(pipe_) < pipe_bytes_max() / 2) drain_held();
  open_window();
  if (inbound_ != Inbound::kEnding || held_) return;
  pipe_feed_eof(pipe_);
  move_to(Inbound::kEnded);
  loop_.mark(inner_);
}

size_t Bridge::pipe_bytes_max() const {
  return memory_.may_grow(0) ? kPipeBytesMax : kWindowSizes.min_bytes;
}

// open_window lets the client send more. While libssh holds bytes or the pipe is full the window
// stays as it is.
void Bridge::open_window() {
  if (outer_.dead() || held_ || pipe_pending_in(pipe_) >= pipe_bytes_max()) return;
  const size_t bytes = window_.due(memory_.window_size(window_, kWindowSizes));
  if (bytes > 0 && gateway::open_window(channel_, bytes)) window_.on_opened(bytes);
}

// The bridge counts what it holds, and what the client may still send.
void Bridge::count_memory() {
  const uint64_t piped = inner_ == nullptr ? 0 : pipe_pending_in(pipe_) + pipe_out(pipe_).size();
  const uint64_t bytes = piped + held_bytes_ + window_.open_bytes();
  memory_.update(std::exchange(counted_bytes_, bytes), bytes);
}

// drain_held reads what libssh kept. It clears held_ before it reads, because the read may call
// on_data, which may set held_ again.
void Bridge::drain_held() {
  CHECK(inbound_ != Inbound::kEnded, pipe_);
  thread_local std::vector<char> buffer(kDrainBytes);
  held_ = false;
  held_bytes_ = 0;
  while (!held_) {
    const int count = ssh_channel_read_nonblocking(channel_, buffer.data(), kDrainBytes, 0);
    if (count <= 0) break;
    pipe_feed(pipe_, {buffer.data(), static_cast<size_t>(count)});
    window_.on_taken(static_cast<size_t>(count));
  }
  loop_.mark(inner_);
}

void Bridge::to_outer() {
  while (inner_ != nullptr && outbound_ == Outbound::kOpen && !outer_.write_pending()) {
    const std::string_view out = pipe_out(pipe_);
    const size_t window = ssh_channel_window_size(channel_);
    const size_t count = std::min({out.size(), kWriteBytes, window});
    if (count == 0) return;
    const int written = ssh_channel_write(channel_, out.data(), static_cast<uint32_t>(count));
    if (written == 0 || written == SSH_AGAIN) return;
    if (written < 0) {
      move_to(Outbound::kBroken);
      loop_.mark(inner_);  // the inner connection does not wait for its last bytes any more
      return;
    }
    pipe_pop(pipe_, static_cast<size_t>(written));
    loop_.mark(inner_);  // the inner connection may have waited for room
  }
}

}  // namespace gatetape::gateway
