// Channel: one SSH channel of a session: libssh's channel to the user and the one to the target,
// and what was released and waits to be written on each. libssh's callbacks offer; only service()
// writes. Session loop only.
//
// States: offered -> (recorded) opening on the target -> answered -> open -> closing -> finished;
// or refused by the target -> finished.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "gateway/session/outbox.h"
#include "gateway/ssh/peer.h"
#include "policy/access.h"
#include "record/event.h"

namespace gatetape::gateway {

// Reasons of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1).
constexpr uint32_t kAdministrativelyProhibited = 1;
constexpr uint32_t kConnectFailed = 2;

class Channel {
 public:
  // Owner is the session: it records, and says who may go on.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual uint64_t offer(uint32_t channel, FrameKind kind, std::string payload) = 0;
    virtual bool has_room() const = 0;
    // on_misuse ends the session: the peer broke a limit or the protocol.
    virtual void on_misuse(const std::string& reason) = 0;
    // on_more asks for another service: there was more to write than one may.
    virtual void on_more() = 0;
  };

  // Takes the user's channel-open message; offers channel_open.
  Channel(Owner& owner, uint32_t number, const Grant& grant, SshPeer& user, ssh_message open);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  uint32_t number() const { return number_; }
  bool is(ssh_channel handle) const { return handle == user_.handle || handle == target_.handle; }
  bool finished() const { return finished_; }
  // drained tells whether the user took everything that was released, and closed.
  bool drained() const {
    return user_.outbox.empty() && (user_.handle == nullptr || user_.close_seen);
  }

  // on_request takes a channel request of either side, from inside a packet handler.
  void on_request(ssh_channel from, std::string_view name, bool want_reply, std::string_view data);
  // on_reply_right takes the message that lets us answer the user's next request.
  void on_reply_right(ssh_message message);
  // on_released takes a durable frame of this channel.
  void on_released(tee::FramePtr frame, SshPeer& target);
  // on_target_gone says that the target's connection ended: what it sent still goes to the user,
  // then `text`, and the end.
  void on_target_gone(const std::string& text);
  // service writes what can be written now.
  void service();

 private:
  static constexpr size_t kStepBytesMax = 1024 * 1024;  // of requests that one side does not take

  struct Request {
    std::string name;
    bool want_reply = false;
    std::string data;
  };
  struct Side {
    Channel* channel = nullptr;
    bool is_user = false;
    SshPeer* peer = nullptr;
    ssh_channel handle = nullptr;
    ssh_channel_callbacks_struct callbacks{};
    Outbox outbox;                       // to be written to this side
    bool held = false;                   // libssh keeps bytes of this side that we had no room for
    std::array<size_t, 2> held_bytes{};  // of stdout, stderr
    bool eof_seen = false;               // this side sent EOF, CLOSE
    bool close_seen = false;
    bool eof_offered = false;
    bool close_offered = false;
    bool close_sent = false;            // we sent CLOSE to this side
    size_t kept_bytes = 0;              // of requests that libssh keeps during a key exchange
    std::deque<Request> held_requests;  // came behind held bytes
  };

  static int on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int is_stderr,
                     void* side);
  static void on_eof(ssh_session, ssh_channel, void* side);
  static void on_close(ssh_session, ssh_channel, void* side);

  void attach(Side& side, ssh_channel handle);
  void detach(Side& side);
  uint64_t offer(FrameKind kind, std::string payload);
  void offer_bytes(const Side& from, std::string_view bytes, bool is_stderr);
  void offer_request(const Side& from, const Request& request);
  void offer_endings(Side& from);
  void offer_loss();
  bool room_from(const Side& from) const;
  void unhold(Side& side);
  void open_on_target();
  void answer_open(const Event& reply);
  void flush(Side& side);
  bool write_front(Side& side);
  bool write_bytes(Side& side, bool to_stderr);
  // channel_requests.cc
  int send_request(Side& side, const Event& request, bool want_reply);
  bool write_request_in(const Frame& frame);
  void notice_denial(const Frame& frame);
  bool write_notice(const Frame& frame);
  bool answer_request(bool ok);
  bool write_close(Side& side);

  Owner& owner_;
  const uint32_t number_;
  const Grant grant_;
  Side user_;
  Side target_;
  ssh_message open_message_;
  bool opening_ = false;  // recorded, waits for the target's answer
  bool finished_ = false;
  std::string gone_;      // why the target is, empty while it is not
  bool started_ = false;  // shell, exec or a subsystem was allowed: only one (RFC 4254 section 6.5)
  size_t rights_owed_ = 0;
  std::deque<ssh_message> rights_;  // to answer the user's requests, in order
};

}  // namespace gatetape::gateway
