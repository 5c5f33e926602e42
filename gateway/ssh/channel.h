// Channel: the two libssh channels that one ChannelCore joins. It translates libssh's callbacks
// into the core's events, and the core's calls into libssh's; it decides nothing. Owned by the
// session core; session loop only.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <array>
#include <deque>
#include <optional>

#include "gateway/session/channel_core.h"
#include "gateway/ssh/peer.h"

namespace gatetape::gateway {

class Session;

class Channel : public ChannelPort {
 public:
  // Takes the user's channel-open message.
  Channel(Session& session, SshPeer& user, ssh_message open);
  ~Channel() override;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // attach_core names the core that takes the events; before any of them.
  void attach_core(ChannelCore* core) { core_ = core; }
  ChannelCore& core() { return *core_; }
  // side_of returns the side whose libssh channel this is, nothing when it is neither.
  std::optional<Side> side_of(ssh_channel handle) const;
  // on_reply_right takes the message that lets us answer the user's next request.
  void on_reply_right(ssh_message message) { reply_rights_.push_back(message); }
  // open_now sends the channel-open that open_on_target asked for; nothing when there is none.
  void open_now();
  // on_open_reply takes the target's answer to it.
  void on_open_reply(bool ok, std::string_view text);

  // ChannelPort
  void open_on_target() override { opening_ = true; }
  bool accept_open() override;
  void refuse_open(OpenFailure why, std::string_view text) override;
  bool lost(Side side) const override;
  bool busy(Side side) const override;
  size_t window(Side side) const override;
  Written write(Side side, Stream stream, std::string_view bytes) override;
  Kept send_request(Side side, const Request& request) override;
  bool answer_request(bool ok) override;
  void send_eof(Side side) override;
  bool send_close(Side side) override;
  std::string_view read_held(Side side, Stream stream, size_t bytes_max) override;
  bool open_window(Side side, size_t bytes) override;

 private:
  // End is libssh's channel to one peer.
  struct End {
    Channel* channel = nullptr;
    Side side = Side::kUser;
    ssh_channel handle = nullptr;
    ssh_channel_callbacks_struct callbacks{};
  };

  static int on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int is_stderr,
                     void* end);
  static void on_eof(ssh_session, ssh_channel, void* end);
  static void on_close(ssh_session, ssh_channel, void* end);

  ssh_channel handle_of(Side side) const { return ends_[static_cast<size_t>(side)].handle; }
  SshPeer* peer_of(Side side) const;
  void attach(Side side, ssh_channel handle);
  ssh_message take_open_message();

  Session& session_;
  SshPeer& user_;
  ChannelCore* core_ = nullptr;
  std::array<End, 2> ends_;  // by Side
  ssh_message open_message_;
  bool opening_ = false;                  // the target has not answered yet
  std::deque<ssh_message> reply_rights_;  // to answer the user's requests, in order
};

}  // namespace gatetape::gateway
