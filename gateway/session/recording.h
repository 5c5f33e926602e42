// Recording: the record of one session: its gate, its byte counts, its signed end. What is offered
// goes to the recorder through a port; what has become durable comes back as events and is released
// to the owner. Pure; session loop only.
//
// States: open -> ended (session_end and the signed head are offered) -> closed (the recorder has
// signed too); open or ended -> failed (nothing is released any more).
//
// A session is claimed together with its first frame: the gateway's own system session names it.
// Nothing is released to the owner before the claim is durable, so that no session exists in which
// something passed and which the system session does not name.
#pragma once

#include <cstdint>
#include <string>

#include "base/crypto.h"
#include "gateway/session/ports.h"
#include "record/event.h"
#include "tee/gate.h"
#include "tee/spool.h"

namespace gatetape::gateway {

// RecordPort is what a recording needs from the world: the way to the recorder, and the time.
class RecordPort {
 public:
  virtual ~RecordPort() = default;
  virtual int64_t mono_ns() = 0;
  virtual int64_t wall_ns() = 0;
  // claim records in the gateway's own session that this session exists. The result arrives as
  // Recording::on_claimed, never inside this call. It is called once, just before the first add.
  virtual void claim() = 0;
  // add sends the next frame to the recorder.
  virtual void add(tee::FramePtr frame) = 0;
  // close sends the last frame together with the signed head. It is called once.
  virtual void close(tee::FramePtr last, tee::CloseItem head) = 0;
  // on_closed is called when the recorder has signed this head too: the record is complete.
  virtual void on_closed(const SessionHead& head) = 0;
  // on_failed is called when the record failed: nothing of this session is sent any more.
  virtual void on_failed(const std::string& reason) = 0;
};

class Recording {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // on_released is called with each durable frame, in order. The frame may pass now.
    virtual void on_released(tee::FramePtr frame) = 0;
    // on_record_failed is called once, when nothing will be released any more.
    virtual void on_record_failed(const std::string& reason) = 0;
  };
  enum class State { kOpen, kEnded, kClosed, kFailed };
  struct Setup {
    SessionId session;
    std::string commit_key;     // kCommitKeyBytes, random
    uint64_t window_bytes = 0;  // limit of what is offered and not durable
    // Limit of the same with what peers can force on us: requests have no flow control, and what
    // the SSH library holds is taken whole. Above it the session ends.
    uint64_t forced_bytes_max = 0;
    const SigningKey* key;  // signs the head; outlives the recording
    bool is_own = false;    // the gateway's own session, which nothing claims
  };

  // The port outlives the recording. set_owner is called before the first offer.
  Recording(Setup setup, RecordPort& port);
  void set_owner(Owner* owner) { owner_ = owner; }

  // offer records one step, which is released to the owner when it is durable. It returns the
  // frame's sequence number, or 0 when the recording has ended and nothing was offered.
  uint64_t offer(uint32_t channel, FrameKind kind, std::string payload);
  // has_room returns false when no more stream bytes may be read from the peers.
  bool has_room() const { return gate_.has_room(); }
  // overrun returns true when the peers forced more on us than forced_bytes_max.
  bool overrun() const { return gate_.pending_bytes() > forced_bytes_max_; }
  bool all_released() const { return gate_.all_durable() && may_release(); }
  uint64_t released_seq() const { return released_seq_; }
  // waiting_ns returns how long the oldest frame has waited for the recorder, 0 when none waits.
  int64_t waiting_ns() const;
  // end offers session_end, signs the head and lets go of the owner. Later calls do nothing.
  void end(const SessionEnd& why);
  // end_and_tell is `end`, but the owner stays until all frames are released, session_end last.
  void end_and_tell(const SessionEnd& why);
  // end_with is `end` with another last frame, for a daemon's own session.
  void end_with(FrameKind kind, const Event& last);
  // on_event takes an event of the recorder about this session.
  void on_event(const tee::TeeEvent& event);
  // on_claimed accepts the result of RecordPort::claim. When the claim could not be recorded, the
  // owner's record has failed, and the owner ends the recording.
  void on_claimed(const absl::Status& claimed);

  State state() const { return state_; }
  const SessionId& session() const { return gate_.session(); }
  const CommitKeys& keys() const { return gate_.keys(); }

 private:
  friend class SessionInvariants;
  // kUnasked -> kAsked (the first frame is offered) -> kDurable.
  enum class Claim { kUnasked, kAsked, kDurable };

  // may_release returns false while an open recording is not claimed. One that has ended releases
  // to nobody.
  bool may_release() const { return claim_ == Claim::kDurable || state_ != State::kOpen; }
  void release();
  tee::FramePtr seal(uint32_t channel, FrameKind kind, std::string payload);
  void offer_last(FrameKind kind, const Event& last);
  void on_durable(const tee::TeeEvent& event);
  void fail(const std::string& reason);

  RecordPort& port_;
  Owner* owner_ = nullptr;
  const SigningKey& key_;
  const uint64_t forced_bytes_max_;
  const int64_t started_mono_ns_;
  tee::Gate gate_;
  State state_ = State::kOpen;
  Claim claim_;
  int64_t claimed_mono_ns_ = 0;  // when the claim was asked for
  uint64_t released_seq_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
};

}  // namespace gatetape::gateway
