// SessionCore: one user on one target as one login, which is the unit of recording. It lets nothing
// through that is not durable. Pure: the connections are behind SessionPort and ChannelPort, the
// recorder behind Recording. Session loop only.
//
// States: opening (session_open is not durable yet) -> connecting (to the target) -> up ->
// target_gone (its last words are on their way to the user) -> over; connecting -> target_gone;
// any -> over.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/session/access_rules.h"
#include "gateway/session/channel_core.h"
#include "gateway/session/recording.h"

namespace gatetape::gateway {

struct SessionLimits {
  ChannelLimits channel{};
  size_t channels_max = 64;
  // A session whose oldest frame has waited this long for the recorder ends.
  int64_t freeze_ns = 30'000'000'000;
  int64_t open_timeout_ns = 10'000'000'000;  // the same before the user is let in
  // How long a user has to take what a target sent before its connection was lost.
  int64_t last_words_ns = 30'000'000'000;
  // Denied requests have no flow control, and each is a frame and a row, so they are rate-limited:
  // a burst, then a number per second. One more ends the session.
  int64_t denials_burst = 1000;
  int64_t denials_per_second = 10;
  // Denials that wait for their record before they are answered, and frames that are held. One more
  // ends the session.
  size_t waiting_denials_max = 1024;
  size_t held_frames_max = 256;
  // Bytes of the target's banners together, and their number. What exceeds them is cut, because it
  // has no flow control; sshd itself sends one file.
  size_t banner_bytes_max = size_t{64} << 10;
  size_t banners_max = 64;
  // How long the farewell to the user of a revoked session waits for the record of the end.
  int64_t farewell_ns = 500'000'000;
};

class SessionCore final : public Recording::Owner {
 public:
  enum class State { kOpening, kConnecting, kUp, kTargetGone, kOver };
  // Passage is what happens to a durable frame: it passes now, it waits, or it never passes.
  enum class Passage { kRelease, kHold, kDrop };
  // Denial is something that a peer asked of the session as a whole and does not get.
  struct Denial {
    std::string what;  // "channel", "global_request"
    std::string name;
    std::string reason;
    // SessionPort::refuse_request is called with it; 0 when nobody waits for an answer.
    uint64_t number = 0;
  };

  // `wish` is the session that was granted; `memory` is the user's account. All references outlive
  // the session.
  SessionCore(SessionWish wish, const Grant& grant, const SessionLimits& limits,
              MemoryBudget::Account& memory, Recording& recording, SessionPort& port);

  // start offers session_open with these fields. It is called once.
  void start(const Event& session_open);

  // Events of the target's connection: the fields of target_connect and target_fail.
  void on_target_ready(const Event& facts);
  void on_target_failed(const Event& facts);
  // on_target_banner is called with each banner of the target, which may hold any bytes. The user
  // sees the same bytes when their frame is durable. A banner after the login is ignored.
  void on_target_banner(Banner banner);
  // open_channel is called when the user asks for a channel. It returns the channel, whose events
  // come from now on, or nullptr when it is denied. The user gets the answer through `peers`.
  ChannelCore* open_channel(std::string_view type, std::unique_ptr<ChannelPort> peers);
  // deny is called when a peer asks the session for something that never passes.
  void deny(const Denial& denial);
  // on_global_request is called with a global request that the SSH library answers by itself.
  void on_global_request(std::string_view name);

  // service moves everything on as far as it goes. It is called after any event, and when
  // SessionPort::wake asked for it.
  void service();
  // check_target is called after the target's connection was served: it may have ended.
  void check_target();
  // on_rules_changed decides under new rules what was decided when the session opened. A session
  // that would not be opened ends; a revoked channel closes; requests to come are decided
  // under the new rules.
  void on_rules_changed(const Access& access);
  // on_tick ends a session that waits too long for the recorder.
  void on_tick();
  // finish ends the session. Later calls do nothing.
  void finish(const SessionEnd& end);

  State state() const { return state_; }
  bool over() const { return state_ == State::kOver; }

  // Recording::Owner
  void on_released(tee::FramePtr frame) override;
  void on_record_failed(const std::string& reason) override;

  // Calls of the channels. offer records a step of a channel; it returns the sequence number, 0
  // when nothing is recorded any more.
  uint64_t offer(uint32_t channel, FrameKind kind, std::string payload);
  // has_room returns false when no more stream bytes may be read from the peers.
  bool has_room() const;
  // on_misuse ends the session: a peer broke a limit or the protocol.
  void on_misuse(const std::string& reason);
  // on_more asks for another service: there is more to write than one turn allows.
  void on_more();

 private:
  friend class SessionInvariants;

  // Joined is a channel with the port that it uses, which is destroyed after it.
  struct Joined {
    Joined(SessionCore& session, const ChannelKind& kind, uint32_t number,
           std::unique_ptr<ChannelPort> peers)
        : port(std::move(peers)),
          core(kind, number, session.grant_, session.limits_.channel, session.memory_, *port,
               session) {}
    std::unique_ptr<ChannelPort> port;
    ChannelCore core;
  };

  // Denied is what waits for the record of its denial to be answered: a channel or a request.
  struct Denied {
    std::unique_ptr<ChannelPort> channel;
    OpenFailure why = OpenFailure::kAdministrativelyProhibited;  // of a channel
    uint64_t request = 0;
  };

  // on_durable is the one place where it is decided whether a durable frame passes.
  Passage on_durable(const Frame& frame) const;
  void move_to(State to);
  bool is_revoked(const Frame& frame) const;
  void revoke(const std::string& why);
  void say_farewell();
  void release(tee::FramePtr frame);
  void release_held();
  void pass_to_channel(tee::FramePtr frame);
  void on_session_step(const Frame& frame);
  void begin_to_connect();
  void show_recorded_banner(const Frame& frame);
  uint64_t offer_denial(const Denial& denial);
  void await_denial(uint64_t seq, Denied denied);
  void refuse_denied(const Frame& frame);
  ChannelCore* deny_channel(const ChannelKind& kind, const std::string& reason, Denied denied);
  void service_channels();
  bool end_misuse();
  void end_lost_user();
  SessionEnd target_end() const;

  SessionWish wish_;
  Grant grant_;
  const SessionLimits& limits_;
  MemoryBudget::Account& memory_;
  Recording& recording_;
  SessionPort& port_;
  const int64_t started_ns_;
  State state_ = State::kOpening;
  std::list<Joined> channels_;
  std::deque<tee::FramePtr> held_;      // durable, in order: the target is not ready for them
  std::map<uint64_t, Denied> denials_;  // by the sequence numbers of their frames
  uint32_t last_channel_ = 0;
  bool login_is_over_ = false;  // target_connect or target_fail is offered
  size_t banners_ = 0;
  size_t banner_bytes_ = 0;
  int64_t denied_ = 0;
  int64_t target_gone_ns_ = 0;
  // Why the session has ended: the user learns it when session_end is durable.
  std::optional<SessionEnd> farewell_;
  int64_t revoked_ns_ = 0;
  std::string misuse_;  // set inside an event, acted on in service()
};

}  // namespace gatetape::gateway
