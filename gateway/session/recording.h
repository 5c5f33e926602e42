// Recording: one session's record: its gate, its place on the link, its end. Made by a session and
// kept alive by its loop until the recorder has the signed head. Session loop only.
//
// States: open -> ended (session_end and the head are offered) -> closed; open -> failed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gateway/loop.h"
#include "gateway/services.h"
#include "record/event.h"
#include "tee/gate.h"

namespace gatetape::gateway {

class Recording : public std::enable_shared_from_this<Recording> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // on_released is told of each durable frame in order: now it may pass.
    virtual void on_released(tee::FramePtr frame) = 0;
    // on_record_failed says that nothing will be released any more.
    virtual void on_record_failed(const std::string& reason) = 0;
  };

  // start opens a session on the link; the first frame is the owner's to offer.
  static std::shared_ptr<Recording> start(Loop& loop, Services& services, Owner* owner);

  // offer records a step; nothing happens after end(). The frame is released to the owner later.
  // Gives its seq, 0 when it was not taken.
  uint64_t offer(uint32_t channel, FrameKind kind, std::string payload);
  uint64_t offer(uint32_t channel, FrameKind kind, const Event& event);
  bool has_room() const { return gate_.has_room(); }
  // overrun tells whether a peer forced far more on us than the window (requests have no flow
  // control) and one full buffer of libssh.
  bool overrun() const { return gate_.pending_bytes() > 4 * window_bytes_ + (2U << 20U); }
  bool all_released() const { return gate_.all_durable(); }
  // waiting_ns is how long the oldest frame has waited for the recorder, 0 when none does.
  int64_t waiting_ns() const;
  // end offers session_end, signs the head and lets go of the owner. Idempotent.
  void end(const std::string& reason, const std::string& detail);
  const SessionId& session() const { return gate_.session(); }

 private:
  Recording(Loop& loop, Services& services, Owner* owner);
  tee::FramePtr seal(uint32_t channel, FrameKind kind, std::string payload);
  void on_event(const tee::TeeEvent& event);
  void fail(const std::string& reason);

  Loop& loop_;
  Services& services_;
  Owner* owner_;
  const uint64_t window_bytes_;
  const int64_t started_mono_ns_;
  tee::Gate gate_;
  uint32_t handle_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  bool ended_ = false;
};

}  // namespace gatetape::gateway
