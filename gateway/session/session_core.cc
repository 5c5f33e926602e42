#include "gateway/session/session_core.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "gateway/session/session_invariants.h"
#include "policy/channel_rules.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kLanguageBytesMax = 256;  // A longer tag of a banner is cut.
constexpr const char* kTellRecorded = "This session is recorded.\r\n";

}  // namespace

SessionCore::SessionCore(SessionWish wish, const Grant& grant, const SessionLimits& limits,
                         MemoryBudget::Account& memory, Recording& recording, SessionPort& port)
    : wish_(std::move(wish)),
      grant_(grant),
      limits_(limits),
      memory_(memory),
      recording_(recording),
      port_(port),
      started_ns_(port.mono_ns()) {}

void SessionCore::move_to(State to) {
  const bool forward = static_cast<int>(state_) < static_cast<int>(to);
  CHECK(forward, static_cast<int>(state_), static_cast<int>(to));
  CHECK(to != State::kUp || state_ == State::kConnecting, static_cast<int>(state_));
  state_ = to;
}

void SessionCore::start(const Event& session_open) {
  const uint64_t seq = offer(0, FrameKind::kSessionOpen, session_open.encode_within());
  CHECK(seq == 1, seq);
}

void SessionCore::on_target_ready(const Event& facts) {
  if (over()) return;
  CHECK(state_ == State::kConnecting, static_cast<int>(state_));
  login_is_over_ = true;
  wish_.host_key = facts.get("host_key");
  offer(0, FrameKind::kTargetConnect, facts.encode_within());
}

void SessionCore::on_target_failed(const Event& facts) {
  if (over()) return;
  CHECK(state_ == State::kConnecting, static_cast<int>(state_));
  login_is_over_ = true;
  offer(0, FrameKind::kTargetFail, facts.encode_within());
}

void SessionCore::on_target_banner(Banner banner) {
  if (over() || login_is_over_ || banners_ == limits_.banners_max) return;
  CHECK(banner_bytes_ <= limits_.banner_bytes_max, banner_bytes_);
  banner.text.resize(std::min(banner.text.size(), limits_.banner_bytes_max - banner_bytes_));
  if (banner.text.empty()) return;
  banners_++;
  banner_bytes_ += banner.text.size();
  Event event{{"text", std::move(banner.text)}};
  if (!banner.language.empty()) event.add("language", banner.language.substr(0, kLanguageBytesMax));
  offer(0, FrameKind::kBanner, event.encode());
}

ChannelCore* SessionCore::open_channel(std::string_view type, std::unique_ptr<ChannelPort> peers) {
  const ChannelKind& kind = channel_kind(type);
  std::string reason(kind.open_denial);
  if (reason.empty() && channels_.size() >= limits_.channels_max)
    reason = "too many channels in this session";
  if (!reason.empty()) return deny_channel(kind, reason, {.channel = std::move(peers)});
  if (!memory_.may_open())
    return deny_channel(kind, kMemoryDenial,
                        {.channel = std::move(peers), .why = OpenFailure::kResourceShortage});
  const uint32_t channel = ++last_channel_;
  return &channels_.emplace_back(*this, kind, channel, std::move(peers)).core;
}

// deny_channel offers the denial of a channel, which is answered when the denial is durable.
ChannelCore* SessionCore::deny_channel(const ChannelKind& kind, const std::string& reason,
                                       Denied denied) {
  const uint64_t seq =
      offer_denial({.what = "channel", .name = std::string(kind.name), .reason = reason});
  await_denial(seq, std::move(denied));
  return nullptr;
}

void SessionCore::on_global_request(std::string_view name) {
  if (is_harmless_global(name)) return;
  deny({.what = "global_request",
        .name = std::string(name.substr(0, limits_.channel.request_name_bytes_max)),
        .reason = "this global request does not pass"});
}

void SessionCore::deny(const Denial& denial) {
  const uint64_t seq = offer_denial(denial);
  if (denial.number != 0) await_denial(seq, {.channel = nullptr, .request = denial.number});
}

uint64_t SessionCore::offer_denial(const Denial& denial) {
  const Event denied{{"what", denial.what}, {"name", denial.name}, {"reason", denial.reason}};
  return offer(0, FrameKind::kDenied, denied.encode_within());
}

void SessionCore::await_denial(uint64_t seq, Denied denied) {
  if (seq == 0) return;  // the session is over
  const bool is_new = denials_.emplace(seq, std::move(denied)).second;
  CHECK(is_new, seq);
  if (denials_.size() > limits_.waiting_denials_max) on_misuse("too many refused requests wait");
}

SessionCore::Passage SessionCore::on_durable(const Frame& frame) const {
  if (over() || is_revoked(frame)) return Passage::kDrop;
  const bool target_is_ready = state_ == State::kUp || state_ == State::kTargetGone;
  if (frame.channel != 0 && !target_is_ready) return Passage::kHold;
  if (frame.channel == 0 && frame.kind == FrameKind::kDenied) return Passage::kDrop;
  return Passage::kRelease;
}

void SessionCore::on_released(tee::FramePtr frame) {
  switch (on_durable(frame->frame)) {
    case Passage::kRelease:
      release(std::move(frame));
      break;
    case Passage::kHold:
      CHECK(held_.empty() || held_.back()->frame.seq < frame->frame.seq, frame->frame.seq);
      held_.push_back(std::move(frame));
      if (held_.size() > limits_.held_frames_max) on_misuse("too much is asked before the login");
      break;
    case Passage::kDrop:
      if (frame->frame.kind == FrameKind::kSessionEnd) return say_farewell();
      if (!over()) refuse_denied(frame->frame);
      break;
  }
  port_.wake();
}

void SessionCore::release(tee::FramePtr frame) {
  CHECK(!over(), frame->frame.seq);
  if (frame->frame.channel == 0) return on_session_step(frame->frame);
  pass_to_channel(std::move(frame));
}

void SessionCore::pass_to_channel(tee::FramePtr frame) {
  CHECK(frame->frame.channel <= last_channel_, frame->frame.channel, last_channel_);
  for (Joined& joined : channels_)
    if (joined.core.number() == frame->frame.channel) return joined.core.on_released(frame);
}

void SessionCore::on_session_step(const Frame& frame) {
  if (frame.kind == FrameKind::kSessionOpen) return begin_to_connect();
  if (frame.kind == FrameKind::kBanner) return show_recorded_banner(frame);
  if (frame.kind == FrameKind::kTargetConnect) {
    if (state_ == State::kConnecting) move_to(State::kUp);
    port_.let_user_in();
    if (!over()) release_held();
    return;
  }
  CHECK(frame.kind == FrameKind::kTargetFail, static_cast<int>(frame.kind));
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  const std::string detail(event->get("detail"));
  finish({.reason = "target",
          .detail = std::string(event->get("reason")) + ": " + detail,
          .text = "gatetape: " + wish_.target + ": " + printable(detail)});
}

void SessionCore::begin_to_connect() {
  move_to(State::kConnecting);
  if (grant_.tell_recorded) port_.show_banner({.text = kTellRecorded});
  port_.connect_target();
}

void SessionCore::show_recorded_banner(const Frame& frame) {
  CHECK(state_ != State::kUp, frame.seq);
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  port_.show_banner(
      {.text = std::string(event->get("text")), .language = std::string(event->get("language"))});
}

void SessionCore::release_held() {
  CHECK(state_ == State::kUp || state_ == State::kTargetGone, static_cast<int>(state_));
  for (tee::FramePtr& frame : std::exchange(held_, {})) on_released(std::move(frame));
}

void SessionCore::refuse_denied(const Frame& frame) {
  const auto found = denials_.find(frame.seq);
  if (found == denials_.end()) return;
  CHECK(frame.kind == FrameKind::kDenied, frame.seq);
  const Denied denied = std::move(found->second);
  denials_.erase(found);
  if (denied.channel == nullptr) return port_.refuse_request(denied.request);
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  denied.channel->refuse_open(denied.why, "gatetape: " + std::string(event->get("reason")));
}

void SessionCore::on_record_failed(const std::string& reason) {
  finish({.reason = "record_failed",
          .detail = reason,
          .text = "gatetape: the record failed, so the session was ended: " + reason});
}

uint64_t SessionCore::offer(uint32_t channel, FrameKind kind, std::string payload) {
  CHECK(channel <= last_channel_, channel, last_channel_);
  if (over()) return 0;
  const uint64_t seq = recording_.offer(channel, kind, std::move(payload));
  if (recording_.overrun()) on_misuse("more requests than the recorder can take");
  if (kind != FrameKind::kDenied) return seq;
  const int64_t age_s = (port_.mono_ns() - started_ns_) / kSecondNs;
  if (++denied_ > limits_.denials_burst + age_s * limits_.denials_per_second)
    on_misuse("too many denied requests");
  return seq;
}

bool SessionCore::has_room() const { return !over() && recording_.has_room(); }

void SessionCore::on_misuse(const std::string& reason) {
  CHECK(!reason.empty(), misuse_);
  misuse_ = reason;
  port_.wake();
}

void SessionCore::on_more() { port_.wake(); }

bool SessionCore::end_misuse() {
  if (misuse_.empty()) return false;
  finish({.reason = "protocol", .detail = misuse_, .text = "gatetape: " + misuse_});
  return true;
}

void SessionCore::service() {
  if (over() || end_misuse()) return;
  if (port_.user_lost() && state_ != State::kTargetGone) return end_lost_user();
  service_channels();
  if (!end_misuse()) SessionInvariants::check_cheap(*this);
}

void SessionCore::end_lost_user() {
  const Loss loss = port_.user_loss();
  if (loss.by_peer)
    return finish({.reason = "client", .detail = "the client disconnected", .text = ""});
  finish({.reason = "client_lost",
          .detail = "the connection to the client was lost: " + loss.error,
          .text = ""});
}

SessionEnd SessionCore::target_end() const {
  const Loss loss = port_.target_loss();
  if (loss.by_peer)
    return {.reason = "target_lost",
            .detail = "the target closed the connection",
            .text = "gatetape: " + wish_.target + " closed the connection"};
  return {.reason = "target_lost",
          .detail = "the connection to the target was lost: " + loss.error,
          .text = "gatetape: the connection to " + wish_.target + " was lost"};
}

void SessionCore::service_channels() {
  for (auto it = channels_.begin(); it != channels_.end();) {
    it->core.service();
    const bool finished = it->core.state() == ChannelCore::State::kFinished;
    it = finished ? channels_.erase(it) : std::next(it);
  }
}

// When the target's connection ended, what was taken from it is still recorded and written, and
// each channel closed: a stock client drops what it has not shown yet when it is disconnected.
void SessionCore::check_target() {
  if (over() || !port_.target_lost()) return;
  const SessionEnd end = target_end();
  const int64_t now_ns = port_.mono_ns();
  if (state_ != State::kTargetGone) {
    move_to(State::kTargetGone);
    target_gone_ns_ = now_ns;
    for (Joined& joined : channels_) joined.core.on_target_gone(end.text);
    release_held();  // what a user asked for before the login is refused now
  }
  const bool drained = std::all_of(channels_.begin(), channels_.end(),
                                   [](const Joined& joined) { return joined.core.drained(); });
  const bool is_told = recording_.all_released() && drained && !port_.user_busy();
  if (is_told || port_.user_lost() || now_ns - target_gone_ns_ > limits_.last_words_ns) finish(end);
}

void SessionCore::on_tick() {
  if (farewell_ && port_.mono_ns() - revoked_ns_ >= limits_.farewell_ns) return say_farewell();
  if (over()) return;
  const bool is_up = state_ == State::kUp || state_ == State::kTargetGone;
  const int64_t limit_ns =
      is_up ? limits_.freeze_ns : std::min(limits_.freeze_ns, limits_.open_timeout_ns);
  if (recording_.waiting_ns() < limit_ns) return;
  const std::string why =
      "the recorder has not answered for " + std::to_string(limit_ns / kSecondNs) + " s";
  finish({.reason = "record_failed",
          .detail = why,
          .text = "gatetape: " + why + ", so the session was ended; nothing passed unrecorded"});
}

void SessionCore::finish(const SessionEnd& end) {
  if (over()) return;
  move_to(State::kOver);
  held_.clear();
  recording_.end(end);
  CHECK(recording_.state() != Recording::State::kOpen, end.reason);
  port_.on_over(end);
}

}  // namespace gatetape::gateway
