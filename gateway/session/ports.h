// The ports of a session: what its cores (session_core, channel_core) ask of the two SSH
// connections. An adapter implements them with an SSH library and decides nothing; the simulator
// implements them with peers that it invents. All calls are made on the session's loop. Answers
// arrive later, as events: no port calls back into the core that called it, but for let_user_in, in
// which channels may be asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gatetape::gateway {

// Side is one of the two peers of a session.
enum class Side : uint8_t { kUser, kTarget };
inline Side other(Side side) { return side == Side::kUser ? Side::kTarget : Side::kUser; }

// Stream is one of the two byte streams of a channel (RFC 4254 section 5.2).
enum class Stream : uint8_t { kData, kStderr };

// Request is one channel request (RFC 4254 section 5.4); `data` is its type-specific part,
// unparsed.
struct Request {
  std::string name;
  bool want_reply = false;
  std::string data;
};

// OpenFailure is a reason code of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1).
enum class OpenFailure : uint32_t {
  kAdministrativelyProhibited = 1,
  kConnectFailed = 2,
  kResourceShortage = 4,
};

// ChannelPort is the pair of SSH channels that one channel joins: the user's and the target's.
class ChannelPort {
 public:
  // Written is the result of a write. With zero bytes and not `closed`, the core tries again when
  // the session is serviced next.
  struct Written {
    size_t bytes = 0;
    bool closed = false;  // the peer's channel takes nothing any more
  };
  // Kept says whether a request was sent, or is kept in memory by the SSH library because a key
  // exchange is under way.
  enum class Kept : uint8_t { kSent, kKept };

  virtual ~ChannelPort() = default;
  // open_on_target asks the target to open the channel. The answer arrives as
  // ChannelCore::on_open_answer, also when the target's connection is lost.
  virtual void open_on_target() = 0;
  // accept_open grants the user's request for the channel. It returns false when it cannot be
  // granted any more because the user's connection is lost.
  virtual bool accept_open() = 0;
  // refuse_open refuses the user's request for the channel, with a text.
  virtual void refuse_open(OpenFailure why, std::string_view text) = 0;

  // lost returns true when this peer's SSH connection is gone.
  virtual bool lost(Side side) const = 0;
  // busy returns true while bytes for this peer wait for its socket: write no more now.
  virtual bool busy(Side side) const = 0;
  // window returns how many bytes the peer's flow-control window takes.
  virtual size_t window(Side side) const = 0;
  virtual Written write(Side side, Stream stream, std::string_view bytes) = 0;
  // send_request sends a request. With `want_reply`, the answer arrives as ChannelCore::on_reply;
  // no other request is sent to this side before.
  virtual Kept send_request(Side side, const Request& request) = 0;
  // answer_request answers the user's oldest unanswered request. It returns false when the SSH
  // library does not let us answer yet; the core tries again.
  virtual bool answer_request(bool ok) = 0;
  virtual void send_eof(Side side) = 0;
  // send_close returns false when it must be tried again.
  virtual bool send_close(Side side) = 0;
  // read_held returns bytes that this side sent and that ChannelCore::on_bytes did not take, at
  // most `bytes_max` of them, valid until the next call. Empty when the connection is lost.
  virtual std::string_view read_held(Side side, Stream stream, size_t bytes_max) = 0;
  // open_window lets this side send `bytes` more (SSH_MSG_CHANNEL_WINDOW_ADJUST). It returns false
  // when nothing was sent, because the side sends no more or the SSH library still holds bytes.
  virtual bool open_window(Side side, size_t bytes) = 0;
};

// Banner is a text that the user sees before the login has succeeded (SSH_MSG_USERAUTH_BANNER, RFC
// 4252 section 5.4), as its sender wrote it.
struct Banner {
  std::string text;
  std::string language{};
};

// SessionEnd is why a session ended.
struct SessionEnd {
  std::string reason;  // a word of docs/FORMAT.md, session_end
  std::string detail;  // for the record
  std::string text;    // for the user; empty when nobody is there to read it
};

// Loss is how the connection to a peer ended: the peer ended it (SSH_MSG_DISCONNECT, or an orderly
// end of the stream), or it broke. `error` is the SSH library's error at that moment.
struct Loss {
  bool by_peer = false;
  std::string error{};
};

// SessionPort is the session's two connections as a whole.
class SessionPort {
 public:
  virtual ~SessionPort() = default;
  // connect_target starts the connection to the target. The result arrives as
  // SessionCore::on_target_ready or on_target_failed.
  virtual void connect_target() = 0;
  // let_user_in tells the user that the login succeeded.
  virtual void let_user_in() = 0;
  // show_banner shows a banner to the user. It is called before let_user_in.
  virtual void show_banner(const Banner& banner) = 0;
  // refuse_request refuses the request that was denied under this number (SessionCore::Denial), now
  // that the denial is durable.
  virtual void refuse_request(uint64_t number) = 0;
  // on_over is called once: the session has ended; the user is disconnected.
  virtual void on_over(const SessionEnd& end) = 0;
  // wake asks for SessionCore::service soon.
  virtual void wake() = 0;
  // user_lost and target_lost return true when that connection is gone. target_lost is false while
  // there is no connection to the target yet.
  virtual bool user_lost() const = 0;
  virtual bool target_lost() const = 0;
  // user_loss and target_loss return how a connection that is gone ended.
  virtual Loss user_loss() const = 0;
  virtual Loss target_loss() const = 0;
  // user_busy returns true while bytes for the user wait for the socket.
  virtual bool user_busy() const = 0;
  virtual int64_t mono_ns() = 0;
};

}  // namespace gatetape::gateway
