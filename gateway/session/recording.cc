#include "gateway/session/recording.h"

#include <utility>

#include "base/check.h"

namespace gatetape::gateway {

Recording::Recording(Setup setup, RecordPort& port)
    : port_(port),
      key_(*setup.key),
      forced_bytes_max_(setup.forced_bytes_max),
      started_mono_ns_(port.mono_ns()),
      gate_(setup.session, std::move(setup.commit_key), setup.window_bytes),
      claim_(setup.is_own ? Claim::kDurable : Claim::kUnasked) {}

tee::FramePtr Recording::seal(uint32_t channel, FrameKind kind, std::string payload) {
  CHECK(state_ == State::kOpen, static_cast<int>(state_), static_cast<int>(kind));
  if (class_of(kind) == FrameClass::kBytes)
    (route_of(kind) == Route::kToTarget ? bytes_in_ : bytes_out_) += payload.size();
  const uint64_t seq = gate_.offered_seq() + 1;
  const int64_t offset_ns = port_.mono_ns() - started_mono_ns_;
  tee::FramePtr frame =
      gate_.offer(channel, kind, static_cast<uint64_t>(offset_ns), std::move(payload));
  CHECK(frame->frame.seq == seq, frame->frame.seq, seq);
  return frame;
}

uint64_t Recording::offer(uint32_t channel, FrameKind kind, std::string payload) {
  if (state_ != State::kOpen) return 0;
  CHECK(owner_ != nullptr, static_cast<int>(kind));
  tee::FramePtr frame = seal(channel, kind, std::move(payload));
  const uint64_t seq = frame->frame.seq;
  if (claim_ == Claim::kUnasked) {
    claim_ = Claim::kAsked;
    claimed_mono_ns_ = port_.mono_ns();
    port_.claim();
  }
  CHECK(claim_ != Claim::kUnasked, seq);
  port_.add(std::move(frame));
  return seq;
}

int64_t Recording::waiting_ns() const {
  if (!may_release()) return claim_ == Claim::kAsked ? port_.mono_ns() - claimed_mono_ns_ : 0;
  const tee::FramePtr oldest = gate_.oldest_pending();
  if (oldest == nullptr) return 0;
  CHECK(oldest->frame.seq == released_seq_ + 1, oldest->frame.seq, released_seq_);
  return port_.mono_ns() - started_mono_ns_ - static_cast<int64_t>(oldest->frame.offset_ns);
}

void Recording::end(const SessionEnd& why) {
  owner_ = nullptr;
  end_and_tell(why);
}

void Recording::end_and_tell(const SessionEnd& why) {
  if (state_ != State::kOpen) return;
  Event event{{"reason", why.reason}, {"detail", why.detail}};
  event.add_number("bytes_in", bytes_in_).add_number("bytes_out", bytes_out_);
  event.add_number("frames", gate_.offered_seq() + 1);
  event.add("ended_at", std::to_string(port_.wall_ns()));
  offer_last(FrameKind::kSessionEnd, event);
}

void Recording::end_with(FrameKind kind, const Event& last) {
  owner_ = nullptr;
  if (state_ == State::kOpen) offer_last(kind, last);
}

void Recording::offer_last(FrameKind kind, const Event& last) {
  tee::FramePtr frame = seal(0, kind, last.encode_within());
  state_ = State::kEnded;
  const SessionHead head = gate_.head();
  CHECK(head.size == frame->frame.seq, head.size, frame->frame.seq);
  port_.close(std::move(frame), {.size = head.size,
                                 .root = head.root,
                                 .signature = key_.sign(head.signed_text()),
                                 .public_key = key_.public_key().raw});
}

void Recording::on_event(const tee::TeeEvent& event) {
  switch (event.type) {
    case tee::TeeEvent::Type::kDurable:
      return on_durable(event);
    case tee::TeeEvent::Type::kClosed:
      if (state_ != State::kEnded) return fail("the recorder closed a session that has not ended");
      state_ = State::kClosed;
      return port_.on_closed(gate_.head());
    case tee::TeeEvent::Type::kRefused:
      return fail(event.detail);
  }
}

void Recording::on_durable(const tee::TeeEvent& event) {
  if (state_ == State::kFailed) return;
  const absl::Status status = gate_.durable(event.seq, event.root);
  if (!status.ok()) return fail(std::string(status.message()));
  release();
}

void Recording::on_claimed(const absl::Status& claimed) {
  CHECK(claim_ == Claim::kAsked, static_cast<int>(claim_), static_cast<int>(state_));
  if (!claimed.ok()) {
    if (owner_ != nullptr) owner_->on_record_failed(std::string(claimed.message()));
    return;
  }
  claim_ = Claim::kDurable;
  if (state_ != State::kFailed) release();
}

void Recording::release() {
  if (!may_release()) return;
  while (tee::FramePtr frame = gate_.release()) {
    CHECK(frame->frame.seq == released_seq_ + 1, frame->frame.seq, released_seq_);
    released_seq_ = frame->frame.seq;
    if (owner_ != nullptr) owner_->on_released(std::move(frame));
  }
}

void Recording::fail(const std::string& reason) {
  if (state_ == State::kFailed || state_ == State::kClosed) return;
  state_ = State::kFailed;
  port_.on_failed(reason);
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->on_record_failed(reason);
}

}  // namespace gatetape::gateway
