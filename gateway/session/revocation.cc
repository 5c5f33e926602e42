// What becomes of a session and its channels when the access rules change: what is no longer
// allowed ends, recorded, and the user reads one line that says why.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "gateway/session/channel_core.h"
#include "gateway/session/session_core.h"

namespace gatetape::gateway {
namespace {

constexpr const char* kRulesHaveChanged =
    "gatetape: the access rules have changed, so the session was ended: ";

std::string notice_of_revocation(const std::string& why) {
  Event notice{{"text", "gatetape: the access rules have changed: " + why + "\r\n"}};
  return notice.add("exit_status", std::to_string(kDeniedExitStatus)).encode();
}

}  // namespace

bool SessionCore::is_revoked(const Frame& frame) const {
  return std::any_of(channels_.begin(), channels_.end(), [&frame](const Joined& joined) {
    return joined.core.number() == frame.channel && frame.seq < joined.core.revoked_before();
  });
}

void SessionCore::on_rules_changed(const Access& access) {
  if (over()) return;
  const absl::StatusOr<Grant> grant = decide_session(access, wish_);
  if (!grant.ok()) return revoke(std::string(grant.status().message()));
  grant_ = *grant;
  for (Joined& joined : channels_) joined.core.on_rules_changed(grant_);
  port_.wake();
}

// Nothing passes from now on. What the user reads waits for its record, as every notice does.
void SessionCore::revoke(const std::string& why) {
  move_to(State::kOver);
  held_.clear();
  revoked_ns_ = port_.mono_ns();
  farewell_ = SessionEnd{.reason = "revoked", .detail = why, .text = kRulesHaveChanged + why};
  recording_.end_and_tell(*farewell_);
  CHECK(recording_.state() != Recording::State::kOpen, why);
}

// A farewell that its record keeps waiting for too long is said all the same: it is then a text
// about what cannot be recorded.
void SessionCore::say_farewell() {
  CHECK(over(), static_cast<int>(state_));
  if (!farewell_) return;
  const SessionEnd end = *std::exchange(farewell_, std::nullopt);
  port_.on_over(end);
}

void ChannelCore::on_rules_changed(const Grant& grant) {
  grant_ = grant;
  const std::string denial = denial_of_right(grant_, right_);
  if (!denial.empty() && state_ == State::kOpen && !is_revoked()) revoke(denial);
}

// What was released and not written is dropped too: a peer that takes nothing would otherwise keep
// the channel open.
void ChannelCore::stop_both_ends() {
  for (const Side side : {Side::kUser, Side::kTarget}) {
    End& end = end_of(side);
    end.outbox.clear();
    drop_held(side);
    if (end.offered != Phase::kClosed) advance(&end.offered, Phase::kClosed);
  }
  notice_answered_ = false;
  answers_.clear();  // the close answers all requests
}

// The bytes are read, because the peer's close waits behind what a closed window does not let it
// send.
void ChannelCore::drop_held(Side from) {
  End& end = end_of(from);
  for (const Stream stream : {Stream::kData, Stream::kStderr}) {
    size_t& held = end.held_bytes[static_cast<size_t>(stream)];
    while (held > 0) {
      const size_t wanted = std::min(held, limits_.drain_bytes);
      const size_t count = port_.read_held(from, stream, wanted).size();
      CHECK(count <= wanted, count, wanted);
      end.window.on_taken(count);
      held = count == 0 ? 0 : held - count;
    }
  }
  end.held_steps.clear();
  end.holding = false;
}

// The gateway closes both ends itself; what a peer still sends has no place in the record.
void ChannelCore::revoke(const std::string& why) {
  CHECK(right_ != Right::kNone, number_);
  stop_both_ends();
  const auto close = [this](FrameKind kind, std::string payload) {
    const uint64_t seq = offer(kind, std::move(payload));
    if (revoked_before_ == 0) revoked_before_ = seq;
  };
  if (const Phase told = end_of(Side::kUser).told; told != Phase::kClosed) {
    close(FrameKind::kNotice, notice_of_revocation(why));
    if (told == Phase::kFlowing) close(FrameKind::kEofOut, "");
    close(FrameKind::kCloseOut, "");
  }
  if (end_of(Side::kTarget).told != Phase::kClosed) close(FrameKind::kCloseIn, "");
}

}  // namespace gatetape::gateway
