#include "gateway/ssh/bridge.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

constexpr size_t kHopBytesMax = 1024 * 1024;
constexpr size_t kWriteBytes = 128 * 1024;
constexpr size_t kDrainBytes = 256 * 1024;
constexpr size_t kHeldBytesMax = 2 * 1024 * 1024;  // the window that libssh gives is 1.25 MiB

}  // namespace

Bridge::Bridge(Loop& loop, Member* outer_member, SshPeer& outer, ssh_channel channel, int hop)
    : loop_(loop), outer_member_(outer_member), outer_(outer), channel_(channel), hop_(hop) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  callbacks_.channel_eof_function = on_eof;
  callbacks_.channel_close_function = on_close;
  ssh_callbacks_init(&callbacks_);
  const int result = ssh_set_channel_callbacks(channel_, &callbacks_);
  CHECK(result == SSH_OK, result);
}

Bridge::~Bridge() {
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
}

void Bridge::flush() {
  if (finished_) return;
  to_inner();
  to_outer();
  if (inner_ != nullptr) return;
  if (!closed_ && !close_sent_) close_sent_ = ssh_channel_close(channel_) != SSH_AGAIN;
  // Until the client has closed too, libssh keeps the channel, and so it counts as one.
  finished_ = closed_ || (close_sent_ && close_seen_);
}

int Bridge::on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int, void* user_data) {
  Bridge& bridge = *static_cast<Bridge*>(user_data);
  if (bridge.inner_ == nullptr) return static_cast<int>(count);  // it ended: nobody reads this
  if (count > kHeldBytesMax) {
    bridge.overrun_ = true;
    bridge.loop_.mark(bridge.outer_member_);
  }
  if (bridge.held_ || hop_pending_in(bridge.hop_) >= kHopBytesMax) {
    bridge.held_ = true;
    return 0;
  }
  hop_feed(bridge.hop_, {static_cast<const char*>(bytes), count});
  bridge.loop_.mark(bridge.inner_);
  return static_cast<int>(count);
}

void Bridge::on_eof(ssh_session, ssh_channel, void* user_data) {
  Bridge& bridge = *static_cast<Bridge*>(user_data);
  bridge.eof_ = true;
  bridge.loop_.mark(bridge.outer_member_);
}

void Bridge::on_close(ssh_session session, ssh_channel channel, void* user_data) {
  static_cast<Bridge*>(user_data)->close_seen_ = true;
  on_eof(session, channel, user_data);
}

void Bridge::to_inner() {
  if (inner_ == nullptr) return;
  if (held_ && hop_pending_in(hop_) < kHopBytesMax / 2) {
    thread_local std::vector<char> buffer(kDrainBytes);
    held_ = false;  // before the read: it pumps, and on_data may hold again
    // All of it: each read opens the whole window again, whatever stays behind.
    while (!held_) {
      const int count = ssh_channel_read_nonblocking(channel_, buffer.data(), kDrainBytes, 0);
      if (count <= 0) break;
      hop_feed(hop_, {buffer.data(), static_cast<size_t>(count)});
    }
    loop_.mark(inner_);
  }
  if (eof_ && !held_ && !eof_fed_) {
    eof_fed_ = true;
    hop_feed_eof(hop_);
    loop_.mark(inner_);
  }
}

void Bridge::to_outer() {
  while (inner_ != nullptr && !closed_ && !outer_.write_pending()) {
    const std::string_view out = hop_out(hop_);
    const size_t window = ssh_channel_window_size(channel_);
    const size_t count = std::min({out.size(), kWriteBytes, window});
    if (count == 0) return;
    const int written = ssh_channel_write(channel_, out.data(), static_cast<uint32_t>(count));
    if (written == 0 || written == SSH_AGAIN) return;
    if (written < 0) {
      closed_ = true;
      loop_.mark(inner_);  // it waits for its last bytes no more
      return;
    }
    hop_pop(hop_, static_cast<size_t>(written));
    loop_.mark(inner_);  // it may have waited for room
  }
}

}  // namespace gatetape::gateway
