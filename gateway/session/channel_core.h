// ChannelCore: one SSH channel of a session. It turns what the two peers say into frames, and what
// was released into writes, in order. Pure: the peers are behind ChannelPort. Owned by its session
// core; session loop only.
//
// States: offered (channel_open is not durable yet) -> opening (the target is asked) -> answered
// (its answer is not durable yet) -> open -> finished; answered -> finished when it was refused.
// Each end of the channel has three phases of its own, which only go forward (enum Phase).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/session/channel_kinds.h"
#include "gateway/session/memory_budget.h"
#include "gateway/session/outbox.h"
#include "gateway/session/ports.h"
#include "gateway/session/receive_window.h"
#include "policy/access.h"
#include "record/event.h"

namespace gatetape::gateway {

// ChannelLimits bounds what one channel keeps in memory, and its turns. The simulator makes them
// small, so that every limit is reached.
struct ChannelLimits {
  // Payload of one frame of stream bytes: longer data becomes several frames.
  size_t frame_bytes = size_t{64} << 10;
  // Bytes given to the SSH library in one write.
  size_t write_bytes = size_t{128} << 10;
  // Bytes that were released for one side and not written yet. At the limit nothing is read from
  // the other side, so its flow-control window closes.
  size_t outbox_bytes_max = size_t{1} << 20;
  // The receive windows. What one side sends and is not taken stays within its window, because the
  // window is opened again only when the SSH library holds nothing. A peer that sends more than its
  // window allows ends the session.
  WindowSizes window{};
  // The windows that the SSH library opens a channel with, by Side: libssh's numbers for a channel
  // that it accepts, and for one that it asks for.
  std::array<size_t, 2> first_window_bytes = {32000, 64000};
  // Bytes taken back from the SSH library in one read.
  size_t drain_bytes = size_t{256} << 10;
  // Data of one channel request, and its name, in bytes. A longer one is denied. Such a request and
  // the keys of its event fit into one frame (kPayloadBytesMax).
  size_t request_bytes_max = size_t{255} << 10;
  size_t request_name_bytes_max = 256;
  // Data that the denial of a request that is too long keeps, in bytes. The rest is hashed.
  size_t denied_bytes_max = size_t{64} << 10;
  // Requests that wait for an answer, or behind held bytes. One more ends the session.
  size_t requests_waiting_max = 256;
  // Bytes of requests that one side does not take, or that wait behind held bytes: requests have no
  // flow control. At the limit the session ends.
  size_t step_bytes_max = size_t{1} << 20;
  // Text of the target about a channel that it refuses. What is longer is cut.
  size_t open_reason_bytes_max = 1024;
  // Frames written to one side before the other sessions of the loop have their turn.
  int frames_per_flush = 64;
};

// The exit status of a program that was denied, as of an ssh that failed itself.
constexpr uint32_t kDeniedExitStatus = 255;

class SessionCore;

class ChannelCore {
 public:
  enum class State { kOffered, kOpening, kAnswered, kOpen, kFinished };

  // Offers channel_open. `memory` is the user's account. All references outlive the channel.
  ChannelCore(const ChannelKind& kind, uint32_t number, const Grant& grant,
              const ChannelLimits& limits, MemoryBudget::Account& memory, ChannelPort& port,
              SessionCore& owner);
  ~ChannelCore() { memory_.update(counted_bytes_, 0); }
  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;

  // Events: what the peers said, in the order of their packets. Nothing is written inside them.
  //
  // on_bytes returns how many bytes were taken: all, or none. What is not taken stays with the SSH
  // library, together with what follows it, and is read later through ChannelPort::read_held.
  size_t on_bytes(Side from, Stream stream, std::string_view bytes);
  void on_request(Side from, Request request);
  void on_eof(Side from);
  void on_close(Side from);
  // on_open_answer takes the target's answer to open_on_target.
  void on_open_answer(bool ok, std::string_view reason);
  // on_reply takes the answer to the request that was sent last, which only the target owes.
  void on_reply(Side from, bool ok);
  // on_target_gone is called when the target's connection ended: what it sent before still goes to
  // the user, then `text`, and the close.
  void on_target_gone(const std::string& text);

  // on_rules_changed is called with the grant of the session under new rules. A channel whose
  // program uses a right that the grant does not hold closes: the user reads why, and nothing else
  // passes.
  void on_rules_changed(const Grant& grant);

  // on_released takes a durable frame of this channel, which may pass now. A denial is among them:
  // it does not pass, but is answered behind what was asked before it.
  void on_released(tee::FramePtr frame);
  // service writes what can be written now, then takes what the SSH library held, and then lets the
  // peers send more.
  void service();

  uint32_t number() const { return number_; }
  State state() const { return state_; }
  // awaits_reply returns true while the target owes the answer to a request and can still give it.
  bool awaits_reply() const {
    return reply_owed_.has_value() && end_of(Side::kTarget).said != Phase::kClosed && !is_revoked();
  }
  // revoked_before returns the sequence number of the first frame that may pass although the
  // channel is revoked, 0 while it is not. An earlier frame that is not released never passes.
  uint64_t revoked_before() const { return revoked_before_; }
  // drained returns true when the user took everything that was released, and closed.
  bool drained() const;

 private:
  friend class SessionInvariants;

  // Phase is how far one direction of one end has come. Legal moves: forward only.
  enum class Phase : uint8_t { kFlowing, kEof, kClosed };
  // Answer is what answers a request of the user: a frame of the user's outbox, or the failure of a
  // request that was denied without a notice. The denial, which is durable, is its frame.
  enum class Answer : uint8_t { kFrame, kFailure };
  // HeldStep is bytes that the SSH library holds, or what came behind them, in the order of the
  // peer's packets.
  struct HeldStep {
    enum class What : uint8_t { kBytes, kRequest, kReply, kEof };
    What what = What::kBytes;
    Stream stream = Stream::kData;  // kBytes
    size_t bytes = 0;               // kBytes: how many
    Request request{};              // kRequest; kReply: the name of what is answered
    bool ok = false;                // kReply
  };
  // Held counts the requests among the held steps; each has kFrameOverheadBytes in addition.
  struct Held {
    size_t requests = 0;
    size_t bytes = 0;
  };
  struct End {
    explicit End(size_t first_window_bytes) : window(first_window_bytes) {}
    // held_requests returns how many requests wait behind held bytes, and their bytes.
    Held held_requests() const;

    Outbox outbox;                    // released, and not written to this end yet
    ReceiveWindow window;             // what this peer may send
    Phase said = Phase::kFlowing;     // what this peer sent last
    Phase offered = Phase::kFlowing;  // how much of that was offered
    Phase told = Phase::kFlowing;     // what was sent to this peer last
    // The SSH library holds bytes of this peer that were not taken. What follows them waits.
    bool holding = false;
    std::array<size_t, 2> held_bytes{};  // by Stream
    std::deque<HeldStep> held_steps;
    size_t kept_bytes = 0;  // of requests that the SSH library keeps during a key exchange
  };

  End& end_of(Side side) { return ends_[static_cast<size_t>(side)]; }
  const End& end_of(Side side) const { return ends_[static_cast<size_t>(side)]; }
  static void advance(Phase* phase, Phase to);
  void move_to(State to);
  uint64_t offer(FrameKind kind, std::string payload);
  void offer_bytes(Side from, Stream stream, std::string_view bytes);
  void offer_request(Side from, const Request& request);
  void offer_denied(Side from, const Request& request, const std::string& reason);
  void offer_reply(const std::string& name, bool ok);
  std::string denial_of(Side from, const Request& request);
  std::string denial_of_user(const Request& request);
  void offer_eof(Side from);
  void offer_close(Side from);
  void hold(Side from, Stream stream, size_t bytes);
  void offer_held(Side from);
  void offer_loss();
  bool is_revoked() const { return revoked_before_ > 0; }
  void stop_both_ends();
  void drop_held(Side from);
  void revoke(const std::string& why);
  bool room_from(Side from) const;
  void open_window(Side side);
  void count_memory();
  void take_held(Side from);
  bool read_held(Side from, HeldStep* step);
  void answer_open(const Event& reply);
  void flush(Side to);
  bool write_front(Side to);
  bool write_bytes(Side to);
  bool write_close(Side to);
  // channel_requests.cc
  void pass_request(Side to);
  void send(Side to, const Request& request);
  void answer_denial();
  void end_denied_program(const Event& denial);
  bool write_notice();
  void send_denied_status();
  bool answer_user(bool ok);
  bool answer_next(bool ok);
  void answer_failures();

  const ChannelKind& kind_;
  const uint32_t number_;
  Grant grant_;
  const ChannelLimits& limits_;
  MemoryBudget::Account& memory_;
  ChannelPort& port_;
  SessionCore& owner_;
  State state_ = State::kOffered;
  std::array<End, 2> ends_;     // by Side
  uint64_t counted_bytes_ = 0;  // of this channel, in memory_
  // The target's connection ended: what the user is told. Empty while it has not.
  std::string gone_;
  Right right_ = Right::kNone;  // of the program
  uint64_t revoked_before_ = 0;
  bool started_ = false;  // a program was allowed: there is one per channel (RFC 4254 section 6.5)
  bool notice_answered_ = false;  // the request that the notice in front of the outbox is about
  size_t answers_owed_ = 0;       // to the user's requests
  std::deque<Answer> answers_;    // among these: those that are known, in the order of the requests
  std::optional<std::string> reply_owed_;  // by the target: the name of the request
};

}  // namespace gatetape::gateway
