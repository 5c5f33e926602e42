#include "gateway/session/channel_core.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "gateway/session/session_core.h"

namespace gatetape::gateway {

ChannelCore::ChannelCore(const ChannelKind& kind, uint32_t number, const Grant& grant,
                         const ChannelLimits& limits, MemoryBudget::Account& memory,
                         ChannelPort& port, SessionCore& owner)
    : kind_(kind),
      number_(number),
      grant_(grant),
      limits_(limits),
      memory_(memory),
      port_(port),
      owner_(owner),
      ends_{End(limits.first_window_bytes[0]), End(limits.first_window_bytes[1])} {
  CHECK(kind.opens == Opens::kOnTarget, kind.name);
  offer(FrameKind::kChannelOpen, Event{{"type", std::string(kind.name)}}.encode());
}

void ChannelCore::advance(Phase* phase, Phase to) {
  CHECK(*phase < to, static_cast<int>(*phase), static_cast<int>(to));
  *phase = to;
}

void ChannelCore::move_to(State to) {
  const bool refused = state_ == State::kAnswered && to == State::kFinished;
  const bool next = static_cast<int>(to) == static_cast<int>(state_) + 1;
  CHECK(next || refused, static_cast<int>(state_), static_cast<int>(to));
  state_ = to;
}

bool ChannelCore::drained() const {
  const End& user = end_of(Side::kUser);
  return user.outbox.empty() && (state_ != State::kOpen || user.said == Phase::kClosed);
}

uint64_t ChannelCore::offer(FrameKind kind, std::string payload) {
  return owner_.offer(number_, kind, std::move(payload));
}

// What follows an offered close has no place in the record: the gateway closed this end itself.
size_t ChannelCore::on_bytes(Side from, Stream stream, std::string_view bytes) {
  End& end = end_of(from);
  const size_t known = std::min(bytes.size(), end.held_bytes[static_cast<size_t>(stream)]);
  if (!end.window.on_received(bytes.size() - known))
    owner_.on_misuse("more data than the window allows");
  if (end.offered == Phase::kClosed) {
    end.window.on_taken(bytes.size());  // The peer sends its close behind what it still has.
    return bytes.size();
  }
  if (end.holding || !room_from(from)) {
    hold(from, stream, bytes.size());
    return 0;
  }
  end.window.on_taken(bytes.size());
  offer_bytes(from, stream, bytes);
  return bytes.size();
}

// `bytes` is all that the SSH library holds of this stream.
void ChannelCore::hold(Side from, Stream stream, size_t bytes) {
  End& end = end_of(from);
  end.holding = true;
  size_t& known = end.held_bytes[static_cast<size_t>(stream)];
  if (bytes <= known) return;
  const size_t added = bytes - std::exchange(known, bytes);
  // At most one step per stream between two other steps: a peer that alternates adds none.
  for (auto step = end.held_steps.rbegin(); step != end.held_steps.rend(); ++step) {
    if (step->what != HeldStep::What::kBytes) break;
    if (step->stream == stream) return void(step->bytes += added);
  }
  end.held_steps.push_back({.what = HeldStep::What::kBytes, .stream = stream, .bytes = added});
}

void ChannelCore::on_eof(Side from) {
  End& end = end_of(from);
  if (end.said != Phase::kFlowing) return;
  advance(&end.said, Phase::kEof);
  if (end.holding) {
    end.held_steps.push_back({.what = HeldStep::What::kEof});
  } else {
    offer_eof(from);
  }
}

void ChannelCore::on_close(Side from) {
  End& end = end_of(from);
  if (end.said == Phase::kClosed) return;
  advance(&end.said, Phase::kClosed);
  if (!end.holding) offer_close(from);
}

void ChannelCore::on_open_answer(bool ok, std::string_view reason) {
  if (state_ != State::kOpening)
    return owner_.on_misuse("the target answers a channel-open that was not made");
  move_to(State::kAnswered);
  Event reply{{"ok", ok ? "1" : "0"}};
  if (!ok) reply.add("reason", reason.substr(0, limits_.open_reason_bytes_max));
  offer(FrameKind::kChannelOpenReply, reply.encode());
}

// What a dead connection held is lost, and an exit status behind it would hide that.
void ChannelCore::on_target_gone(const std::string& text) {
  CHECK(gone_.empty(), gone_);
  End& target = end_of(Side::kTarget);
  const size_t lost = target.holding ? target.held_bytes[0] + target.held_bytes[1] : 0;
  if (lost > 0) target.held_steps.clear();
  gone_ = text + (lost > 0 ? ", " + std::to_string(lost) + " bytes of its output are lost" : "");
  target.holding = !target.held_steps.empty();
  target.held_bytes = {};
  target.said = target.told = Phase::kClosed;
  target.outbox.clear();
  if (state_ == State::kOpen) offer_loss();
}

void ChannelCore::offer_loss() {
  CHECK(!gone_.empty(), number_);
  if (end_of(Side::kTarget).offered == Phase::kClosed) return;
  offer(FrameKind::kNotice, Event{{"text", gone_ + "\r\n"}}.encode());
  offer_held(Side::kTarget);
}

void ChannelCore::offer_bytes(Side from, Stream stream, std::string_view bytes) {
  if (end_of(from).offered == Phase::kClosed) return;
  const bool is_stderr = stream == Stream::kStderr;
  if (from == Side::kUser && is_stderr)
    return owner_.on_misuse("extended data from a client (RFC 4254 section 5.2)");
  const FrameKind out = is_stderr ? FrameKind::kErr : FrameKind::kOut;
  const FrameKind kind = from == Side::kUser ? FrameKind::kIn : out;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, limits_.frame_bytes);
    offer(kind, std::string(part));
    bytes.remove_prefix(part.size());
  }
}

void ChannelCore::offer_eof(Side from) {
  End& end = end_of(from);
  if (end.offered == Phase::kClosed) return;
  CHECK(kind_.at_eof == Ending::kPassesOn, kind_.name);
  advance(&end.offered, Phase::kEof);
  offer(from == Side::kUser ? FrameKind::kEofIn : FrameKind::kEofOut, "");
}

void ChannelCore::offer_close(Side from) {
  End& end = end_of(from);
  CHECK(end.said == Phase::kClosed, number_);
  if (end.offered == Phase::kClosed) return;
  CHECK(kind_.at_close == Ending::kPassesOn, kind_.name);
  advance(&end.offered, Phase::kClosed);
  offer(from == Side::kUser ? FrameKind::kCloseIn : FrameKind::kCloseOut, "");
}

// Offers what the SSH library held and what came behind it, in the order of the peer's packets. It
// stops when the connection is lost.
void ChannelCore::offer_held(Side from) {
  End& end = end_of(from);
  for (; !end.held_steps.empty(); end.held_steps.pop_front()) {
    HeldStep& step = end.held_steps.front();
    switch (step.what) {
      case HeldStep::What::kBytes:
        if (!read_held(from, &step)) return;
        break;
      case HeldStep::What::kRequest:
        offer_request(from, step.request);
        break;
      case HeldStep::What::kReply:
        offer_reply(step.request.name, step.ok);
        break;
      case HeldStep::What::kEof:
        offer_eof(from);
        break;
    }
  }
  end.holding = false;
  if (end.said == Phase::kClosed) offer_close(from);
}

bool ChannelCore::read_held(Side from, HeldStep* step) {
  size_t& held = end_of(from).held_bytes[static_cast<size_t>(step->stream)];
  CHECK(step->bytes <= held, step->bytes, held);
  while (step->bytes > 0) {
    const size_t wanted = std::min(step->bytes, limits_.drain_bytes);
    const std::string_view bytes = port_.read_held(from, step->stream, wanted);
    if (bytes.empty()) return false;
    CHECK(bytes.size() <= wanted, bytes.size(), wanted);
    step->bytes -= bytes.size();
    held -= bytes.size();
    end_of(from).window.on_taken(bytes.size());
    offer_bytes(from, step->stream, bytes);
  }
  return true;
}

bool ChannelCore::room_from(Side from) const {
  const size_t outbox_bytes_max =
      memory_.may_grow(0) ? limits_.outbox_bytes_max
                          : std::min(limits_.outbox_bytes_max, limits_.window.min_bytes);
  return owner_.has_room() && end_of(other(from)).outbox.bytes() < outbox_bytes_max;
}

// A window stays as it is while the SSH library holds bytes, which bounds the memory of a channel.
void ChannelCore::open_window(Side side) {
  End& end = end_of(side);
  if (end.holding || end.said != Phase::kFlowing || port_.lost(side)) return;
  const size_t bytes = end.window.due(memory_.window_size(end.window, limits_.window));
  if (bytes > 0 && port_.open_window(side, bytes)) end.window.on_opened(bytes);
}

// The channel counts what it holds, and what its peers may still send.
void ChannelCore::count_memory() {
  uint64_t bytes = 0;
  for (const End& end : ends_)
    bytes += end.outbox.bytes() + end.held_bytes[0] + end.held_bytes[1] + end.window.open_bytes();
  memory_.update(std::exchange(counted_bytes_, bytes), bytes);
}

// Takes all that the SSH library holds, even beyond what there is room for, because the window
// stays closed until nothing stays behind. It never reads more than was announced: that would read
// the socket, and what it brought would overtake the requests that wait.
void ChannelCore::take_held(Side from) {
  if (end_of(from).holding && room_from(from)) offer_held(from);
}

void ChannelCore::on_released(tee::FramePtr frame) {
  const Frame& step = frame->frame;
  CHECK(step.channel == number_, step.channel, number_);
  if (state_ == State::kFinished) return;  // refused: what its target still sent goes nowhere
  const size_t waiting = std::max(ends_[0].outbox.step_bytes(), ends_[1].outbox.step_bytes());
  if (waiting > limits_.step_bytes_max)
    return owner_.on_misuse("more requests than the other side takes");
  const FrameClass what = class_of(step.kind);
  if (what == FrameClass::kOpen) {
    move_to(State::kOpening);
    return port_.open_on_target();
  }
  if (what == FrameClass::kOpenReply) return answer_open(*Event::decode(step.payload));
  const Route route = route_of(step.kind);
  CHECK(route != Route::kNobody, static_cast<int>(step.kind));
  End& to = end_of(route == Route::kToTarget ? Side::kTarget : Side::kUser);
  if (to.told != Phase::kClosed) to.outbox.push(std::move(frame));
}

void ChannelCore::answer_open(const Event& reply) {
  CHECK(state_ == State::kAnswered, static_cast<int>(state_));
  if (port_.lost(Side::kUser)) return;
  if (reply.get("ok") != "1") {
    port_.refuse_open(OpenFailure::kConnectFailed,
                      "the target refused the channel: " + printable(reply.get("reason")));
    return move_to(State::kFinished);
  }
  move_to(port_.accept_open() ? State::kOpen : State::kFinished);
  if (state_ == State::kOpen && !gone_.empty()) offer_loss();
}

// Writing comes first: it makes room for what is held, and nothing else might wake us for it.
void ChannelCore::service() {
  if (state_ != State::kOpen) return;
  flush(Side::kTarget);
  flush(Side::kUser);
  answer_failures();
  take_held(Side::kUser);
  take_held(Side::kTarget);
  open_window(Side::kUser);
  open_window(Side::kTarget);
  count_memory();
  const auto is_over = [](const End& end) {
    return end.told == Phase::kClosed && end.said == Phase::kClosed;
  };
  if (std::all_of(ends_.begin(), ends_.end(), is_over)) move_to(State::kFinished);
}

void ChannelCore::flush(Side to) {
  End& end = end_of(to);
  if (end.told == Phase::kClosed || port_.lost(to)) end.outbox.clear();
  for (int i = 0; !end.outbox.empty(); i++) {
    if (i == limits_.frames_per_flush) return owner_.on_more();
    if (!write_front(to)) return;
  }
}

// Writes the front of an outbox, or a part of it. It returns false when it must wait: for the
// target's reply, which keeps the order of what follows, or for the socket, which bounds what the
// SSH library buffers.
bool ChannelCore::write_front(Side to) {
  End& end = end_of(to);
  CHECK(end.told != Phase::kClosed, number_);
  const FrameKind kind = end.outbox.front().kind;
  const FrameClass what = class_of(kind);
  if (to == Side::kTarget && awaits_reply()) return false;
  if (what != FrameClass::kDenial && port_.busy(to)) return false;
  switch (what) {
    case FrameClass::kBytes:
      return write_bytes(to);
    case FrameClass::kRequest:
      pass_request(to);
      return true;
    case FrameClass::kReply:
      if (!answer_user(Event::decode(end.outbox.front().payload)->get("ok") == "1")) return false;
      break;
    case FrameClass::kDenial:
      answer_denial();
      break;
    case FrameClass::kNotice:
      if (!write_notice()) return false;
      break;
    case FrameClass::kEof:
      advance(&end.told, Phase::kEof);
      if (end.said != Phase::kClosed) port_.send_eof(to);
      break;
    case FrameClass::kClose:
      return write_close(to);
    case FrameClass::kOpen:
    case FrameClass::kOpenReply:
    case FrameClass::kSession:
    case FrameClass::kSystem:
      CHECK(what == FrameClass::kBytes, static_cast<int>(kind));  // never put into an outbox
  }
  end.outbox.pop();
  return true;
}

bool ChannelCore::write_bytes(Side to) {
  End& end = end_of(to);
  if (end.said == Phase::kClosed) return end.outbox.pop(), true;
  const std::string_view rest = end.outbox.rest();
  const size_t count = std::min({rest.size(), limits_.write_bytes, port_.window(to)});
  if (count == 0 && !rest.empty()) return false;
  const bool is_stderr = end.outbox.front().kind == FrameKind::kErr;
  const ChannelPort::Written written =
      port_.write(to, is_stderr ? Stream::kStderr : Stream::kData, rest.substr(0, count));
  CHECK(written.bytes <= count, written.bytes, count);
  if (written.closed) return on_close(to), true;
  end.outbox.take(written.bytes);
  return written.bytes > 0;
}

bool ChannelCore::write_close(Side to) {
  End& end = end_of(to);
  if (!port_.send_close(to)) return false;
  advance(&end.told, Phase::kClosed);
  end.outbox.clear();
  return false;
}

}  // namespace gatetape::gateway
