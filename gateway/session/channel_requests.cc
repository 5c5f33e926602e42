// The requests of a channel: on their way to the record, to the other side, and the answers and
// notices to the user.
#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto.h"
#include "gateway/session/channel_core.h"
#include "gateway/session/session_core.h"

namespace gatetape::gateway {
namespace {

size_t memory_of(const Request& request) {
  return request.name.size() + request.data.size() + kFrameOverheadBytes;
}

Request request_of(const Frame& frame) {
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  return {.name = std::string(event->get("request")),
          .want_reply = event->get("want_reply") == "1",
          .data = std::string(event->get("data"))};
}

}  // namespace

ChannelCore::Held ChannelCore::End::held_requests() const {
  Held held;
  for (const HeldStep& step : held_steps) {
    if (step.what != HeldStep::What::kRequest) continue;
    held.requests++;
    held.bytes += memory_of(step.request);
  }
  return held;
}

void ChannelCore::on_request(Side from, Request request) {
  End& end = end_of(from);
  if (end.offered == Phase::kClosed) return;
  if (from == Side::kUser && request.want_reply) answers_owed_++;
  const Held held = end.held_requests();
  if (std::max(answers_owed_, held.requests) > limits_.requests_waiting_max)
    return owner_.on_misuse("too many requests wait on one channel");
  if (end.holding) {
    if (held.bytes + memory_of(request) > limits_.step_bytes_max)
      return owner_.on_misuse("more requests than the other side takes");
    end.held_steps.push_back({.what = HeldStep::What::kRequest, .request = std::move(request)});
  } else {
    offer_request(from, request);
  }
}

std::string ChannelCore::denial_of_user(const Request& request) {
  const bool starts = kind_.starts_program(request.name);
  std::string denial = kind_.request_denial(grant_, request.name, request.data);
  if (starts && started_) denial = "the channel runs a program already";
  if (!starts || !denial.empty()) return denial;
  started_ = true;
  right_ = kind_.right_of(request.name, request.data);
  return denial;
}

// denial_of returns why a request does not pass, empty when it passes. One that is too long counts
// as none: it starts no program.
std::string ChannelCore::denial_of(Side from, const Request& request) {
  if (request.data.size() > limits_.request_bytes_max)
    return "a request of " + std::to_string(request.data.size()) + " bytes is too long, at most " +
           std::to_string(limits_.request_bytes_max) + " pass";
  if (request.name.size() > limits_.request_name_bytes_max)
    return "the name of the request is too long";
  if (from == Side::kUser) return denial_of_user(request);
  return request.want_reply ? "requests of a target that want a reply do not pass" : "";
}

void ChannelCore::offer_request(Side from, const Request& request) {
  if (end_of(from).offered == Phase::kClosed) return;
  const std::string denial = denial_of(from, request);
  if (!denial.empty()) return offer_denied(from, request, denial);
  Event event{{"request", request.name}, {"want_reply", request.want_reply ? "1" : "0"}};
  event.add("data", request.data);
  offer(from == Side::kUser ? FrameKind::kRequestIn : FrameKind::kRequestOut, event.encode());
}

void ChannelCore::offer_denied(Side from, const Request& request, const std::string& reason) {
  const bool is_cut = request.data.size() > limits_.request_bytes_max;
  Event denied{{"what", "request"},
               {"name", request.name.substr(0, limits_.request_name_bytes_max)},
               {"reason", reason}};
  denied.add("data", is_cut ? request.data.substr(0, limits_.denied_bytes_max) : request.data);
  denied.add("want_reply", request.want_reply ? "1" : "0");
  denied.add("side", from == Side::kUser ? "user" : "target");
  if (is_cut) {
    denied.add_number("length", request.data.size());
    denied.add("sha256", to_hex(view(sha256(request.data))));
  }
  offer(FrameKind::kDenied, denied.encode());
}

void ChannelCore::on_reply(Side from, bool ok) {
  End& end = end_of(from);
  if (end.said == Phase::kClosed || is_revoked()) return;
  if (from == Side::kUser || !reply_owed_)
    return owner_.on_misuse("a request is answered that was not made");
  std::string name = *std::exchange(reply_owed_, std::nullopt);
  answers_.push_back(Answer::kFrame);
  if (end.holding) {
    HeldStep& step = end.held_steps.emplace_back();
    step.what = HeldStep::What::kReply;
    step.request.name = std::move(name);
    step.ok = ok;
  } else {
    offer_reply(name, ok);
  }
}

void ChannelCore::offer_reply(const std::string& name, bool ok) {
  if (end_of(Side::kTarget).offered == Phase::kClosed) return;
  offer(FrameKind::kReplyOut, Event{{"request", name}, {"ok", ok ? "1" : "0"}}.encode());
}

// A request for the user passes also when the user has closed: stock ssh closes at EOF, and waits
// for the exit status.
void ChannelCore::pass_request(Side to) {
  End& end = end_of(to);
  CHECK(class_of(end.outbox.front().kind) == FrameClass::kRequest, number_);
  const Request request = request_of(end.outbox.front());
  end.outbox.pop();
  if (to == Side::kUser || end.said != Phase::kClosed) send(to, request);
}

// A peer that never ends a key exchange must not make the SSH library keep requests without end.
void ChannelCore::send(Side to, const Request& request) {
  End& end = end_of(to);
  CHECK(!reply_owed_ || to == Side::kUser, number_);
  const bool awaits = to == Side::kTarget && request.want_reply;
  if (awaits) reply_owed_ = request.name;
  const bool kept = port_.send_request(to, request) == ChannelPort::Kept::kKept && !awaits;
  end.kept_bytes = kept ? end.kept_bytes + request.data.size() + kFrameOverheadBytes : 0;
  if (end.kept_bytes > limits_.step_bytes_max)
    owner_.on_misuse("more requests than the other side takes");
}

// A denied request of the user has travelled behind those that were passed to the target, so that
// the answers keep their order; only now it is answered. Most denials fail without a word, because
// clients ask for agent and X11 forwarding with each command. When the target has closed, the
// requests before this one may have no answer, and the close answers all of them.
void ChannelCore::answer_denial() {
  const absl::StatusOr<Event> event = Event::decode(end_of(Side::kTarget).outbox.front().payload);
  if (event->get("side") != "user") return;
  if (kind_.tells_denial(event->get("name")) && !started_) return end_denied_program(*event);
  const End& target = end_of(Side::kTarget);
  const bool closes = target.said == Phase::kClosed || target.offered == Phase::kClosed;
  if (event->get("want_reply") == "1" && !closes) answers_.push_back(Answer::kFailure);
}

// A client whose shell or command is denied would leave without showing the reason, so for it the
// program has started, and ended.
void ChannelCore::end_denied_program(const Event& denial) {
  Event notice;
  notice.add("text", "gatetape: " + printable(denial.get("name")) + ": " +
                         std::string(denial.get("reason")) + "\r\n");
  notice.add("want_reply", denial.get("want_reply"));
  notice.add("exit_status", std::to_string(kDeniedExitStatus));
  offer(FrameKind::kNotice, notice.encode());
  if (denial.get("want_reply") == "1") answers_.push_back(Answer::kFrame);
  End& target = end_of(Side::kTarget);
  if (target.offered == Phase::kClosed) return;
  const bool had_eof = target.offered == Phase::kEof;
  advance(&target.offered, Phase::kClosed);
  drop_held(Side::kTarget);  // what the target still sends goes nowhere
  if (!had_eof) offer(FrameKind::kEofOut, "");
  offer(FrameKind::kCloseOut, "");
}

// The text goes to stderr. One that comes with the end of a denied program is cut where the window
// ends; one that comes alone waits until the window takes it whole.
bool ChannelCore::write_notice() {
  End& user = end_of(Side::kUser);
  CHECK(user.outbox.front().kind == FrameKind::kNotice, number_);
  const absl::StatusOr<Event> event = Event::decode(user.outbox.front().payload);
  const bool ends_channel = !event->get("exit_status").empty();
  const bool wants_reply = event->get("want_reply") == "1";
  if (wants_reply && !notice_answered_) {
    if (!answer_user(true)) return false;
    notice_answered_ = true;
  }
  if (user.said != Phase::kClosed) {
    const size_t window = port_.window(Side::kUser);
    if (!ends_channel && window < event->get("text").size()) return false;
    if (window > 0) {
      const ChannelPort::Written written =
          port_.write(Side::kUser, Stream::kStderr, event->get("text"));
      if (written.bytes == 0 && !written.closed) return false;
    }
    if (ends_channel) send_denied_status();
  }
  notice_answered_ = false;
  return true;
}

void ChannelCore::send_denied_status() {
  CHECK(end_of(Side::kTarget).offered == Phase::kClosed, number_);
  std::string status;
  put_u32(&status, kDeniedExitStatus);
  port_.send_request(Side::kUser,
                     {.name = "exit-status", .want_reply = false, .data = std::move(status)});
}

// answer_user gives the answer of a frame. The failures before it go first.
bool ChannelCore::answer_user(bool ok) {
  answer_failures();
  CHECK(!answers_.empty(), number_);
  return answers_.front() == Answer::kFrame && answer_next(ok);
}

void ChannelCore::answer_failures() {
  while (!answers_.empty() && answers_.front() == Answer::kFailure) {
    if (port_.lost(Side::kUser) || port_.busy(Side::kUser) || !answer_next(false)) return;
  }
}

bool ChannelCore::answer_next(bool ok) {
  CHECK(answers_.size() <= answers_owed_, number_, answers_.size(), answers_owed_);
  const End& user = end_of(Side::kUser);
  const bool listens = user.said != Phase::kClosed && user.told != Phase::kClosed;
  if (listens && !port_.answer_request(ok)) return false;
  answers_owed_--;
  answers_.pop_front();
  return true;
}

}  // namespace gatetape::gateway
