#include "gateway/session/session_invariants.h"

#include "base/check.h"

namespace gatetape::gateway {

// Released is a prefix of durable, durable of offered; an ended session has an ended record; and
// nothing is released before the gateway's own session names the session.
void SessionInvariants::check_record(const SessionCore& session) {
  const Recording& recording = session.recording_;
  CHECK(recording.released_seq_ <= recording.gate_.offered_seq(), recording.released_seq_);
  const bool is_over = session.state_ == SessionCore::State::kOver;
  CHECK(is_over == (recording.state_ != Recording::State::kOpen), is_over,
        static_cast<int>(recording.state_));
  CHECK(session.state_ == SessionCore::State::kOpening || is_over || recording.released_seq_ >= 1,
        recording.released_seq_);
  CHECK(is_over || recording.released_seq_ == 0 || recording.claim_ == Recording::Claim::kDurable,
        recording.released_seq_);
}

// What waits is bounded, and waits for something that has not happened.
void SessionInvariants::check_waiting(const SessionCore& session) {
  using State = SessionCore::State;
  const bool before_up = session.state_ == State::kOpening || session.state_ == State::kConnecting;
  CHECK(before_up || session.held_.empty(), session.held_.size());
  CHECK(session.held_.size() <= session.limits_.held_frames_max + 1, session.held_.size());
  CHECK(session.denials_.size() <= session.limits_.waiting_denials_max + 1,
        session.denials_.size());
  CHECK(session.state_ == State::kOver || session.denials_.empty() ||
            session.denials_.begin()->first > session.recording_.released_seq_,
        session.recording_.released_seq_);
  CHECK(session.channels_.size() <= session.limits_.channels_max, session.channels_.size());
  CHECK(static_cast<uint64_t>(session.denied_) <= session.recording_.gate_.offered_seq(),
        session.denied_);
}

void SessionInvariants::check_channel(const SessionCore& session, const ChannelCore& channel) {
  using State = ChannelCore::State;
  CHECK(channel.number_ >= 1, channel.number_);
  CHECK(channel.number_ <= session.last_channel_, channel.number_, session.last_channel_);
  const bool is_up = session.state_ == SessionCore::State::kUp ||
                     session.state_ == SessionCore::State::kTargetGone ||
                     session.state_ == SessionCore::State::kOver;
  CHECK(is_up || channel.state_ == State::kOffered, static_cast<int>(channel.state_));
  CHECK(
      channel.state_ == State::kOpen || channel.state_ == State::kFinished || !channel.reply_owed_,
      channel.number_);
  check_end(channel, Side::kUser);
  check_end(channel, Side::kTarget);
}

// Nothing is written after close; EOF and close are told only after they were offered.
void SessionInvariants::check_end(const ChannelCore& channel, Side side) {
  using Phase = ChannelCore::Phase;
  const ChannelCore::End& end = channel.end_of(side);
  const ChannelCore::End& from = channel.end_of(other(side));
  CHECK(end.told != Phase::kClosed || end.outbox.empty(), channel.number_);
  const bool lost = side == Side::kTarget && !channel.gone_.empty();
  CHECK(lost || end.told <= from.offered, channel.number_, static_cast<int>(end.told),
        static_cast<int>(from.offered));
  CHECK(end.holding || end.held_steps.empty(), channel.number_, end.held_steps.size());
  CHECK(end.held_steps.size() <= 3 * channel.limits_.requests_waiting_max + 6,
        end.held_steps.size());
  const size_t held_bytes = end.held_requests().bytes;
  CHECK(held_bytes <= channel.limits_.step_bytes_max, held_bytes);
  CHECK(channel.answers_owed_ <= channel.limits_.requests_waiting_max + 1, channel.answers_owed_);
}

void SessionInvariants::check_cheap(const SessionCore& session) {
  check_record(session);
  check_waiting(session);
  for (const SessionCore::Joined& joined : session.channels_) check_channel(session, joined.core);
}

// An outbox holds frames of its channel that were released, in order, for this side alone.
void SessionInvariants::check_outbox(const SessionCore& session, const ChannelCore& channel,
                                     Side side) {
  const Route route = side == Side::kTarget ? Route::kToTarget : Route::kToUser;
  const Outbox& outbox = channel.end_of(side).outbox;
  size_t bytes = 0;
  uint64_t last_seq = 0;
  for (const tee::FramePtr& sealed : outbox.frames()) {
    const Frame& frame = sealed->frame;
    bytes += frame.payload.size() + kFrameOverheadBytes;
    CHECK(frame.channel == channel.number_, frame.channel, channel.number_);
    CHECK(route_of(frame.kind) == route, static_cast<int>(frame.kind));
    CHECK(frame.seq > last_seq, frame.seq, last_seq);
    last_seq = frame.seq;
  }
  CHECK(last_seq <= session.recording_.released_seq_, last_seq);
  const size_t taken = outbox.empty() ? 0 : outbox.front().payload.size() - outbox.rest().size();
  CHECK(outbox.bytes() + taken == bytes, outbox.bytes(), taken, bytes);
}

void SessionInvariants::check_all(const SessionCore& session) {
  check_cheap(session);
  uint32_t last_number = 0;
  for (const SessionCore::Joined& joined : session.channels_) {
    CHECK(joined.core.number_ > last_number, joined.core.number_, last_number);
    last_number = joined.core.number_;
    check_outbox(session, joined.core, Side::kUser);
    check_outbox(session, joined.core, Side::kTarget);
  }
  uint64_t last_held = 0;
  for (const tee::FramePtr& sealed : session.held_) {
    CHECK(sealed->frame.seq > last_held, sealed->frame.seq, last_held);
    last_held = sealed->frame.seq;
  }
  CHECK(last_held <= session.recording_.released_seq_, last_held);
}

SessionInvariants::Seen SessionInvariants::seen_of(const ChannelCore& channel) {
  Seen seen;
  seen.state = channel.state_;
  size_t at = 0;
  for (const ChannelCore::End& end : channel.ends_)
    for (const ChannelCore::Phase phase : {end.said, end.offered, end.told})
      seen.phases[at++] = static_cast<int>(phase);
  return seen;
}

void SessionInvariants::check_step(const SessionCore& session) {
  check_all(session);
  CHECK(state_ <= session.state_, static_cast<int>(state_), static_cast<int>(session.state_));
  CHECK(released_ <= session.recording_.released_seq_, released_);
  CHECK(last_channel_ <= session.last_channel_, last_channel_);
  state_ = session.state_;
  released_ = session.recording_.released_seq_;
  last_channel_ = session.last_channel_;
  for (const SessionCore::Joined& joined : session.channels_) {
    const Seen now = seen_of(joined.core);
    Seen& before = channels_[joined.core.number_];
    CHECK(before.state <= now.state, joined.core.number_, static_cast<int>(now.state));
    for (size_t i = 0; i < now.phases.size(); i++)
      CHECK(before.phases[i] <= now.phases[i], joined.core.number_, i);
    before = now;
  }
}

}  // namespace gatetape::gateway
