#include "tests/sim/channel.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "policy/channel_rules.h"
#include "record/event.h"

namespace gatetape::sim {
namespace {

constexpr size_t kOutboxBytesMax = 2048;  // so small that a slow reader stops the sender

bool is_close(FrameKind kind) {
  return kind == FrameKind::kCloseIn || kind == FrameKind::kCloseOut;
}

}  // namespace

void Channel::later(int64_t least_ns, int64_t most_ns, void (Channel::*what)()) {
  world_->after(world_->rng.between(least_ns, most_ns), [this, what] {
    if (!owner_->over()) (this->*what)();
  });
}

void Channel::emit(Direction direction, FrameKind kind, std::string payload) {
  Half& from = half(direction);
  if (from.close_emitted) return;
  from.close_emitted = is_close(kind);
  from.held.push_back({kind, std::move(payload)});
  read(direction);
}

void Channel::read(Direction direction) {
  Half& from = half(direction);
  while (!from.held.empty() && !owner_->over()) {
    Step& step = from.held.front();
    if (is_bytes(step.kind) && (!owner_->has_room() || from.outbox.bytes() >= kOutboxBytesMax))
      return;
    Step taken = std::move(step);
    from.held.pop_front();
    if (taken.kind == FrameKind::kRequestIn)
      offer_request(std::move(taken.payload));
    else
      owner_->offer(number_, taken.kind, std::move(taken.payload));
  }
}

void Channel::offer_request(std::string payload) {
  const absl::StatusOr<Event> request = Event::decode(payload);
  const std::string name(request->get("request"));
  const bool starts = starts_program(name);
  std::string refusal = refusal_of(owner_->grant(), name, request->get("data"));
  if (starts && started_) refusal = "the channel runs a program already";
  if (refusal.empty()) {
    started_ = started_ || starts;
    return owner_->offer(number_, FrameKind::kRequestIn, std::move(payload));
  }
  Event denied{{"what", "request"}, {"name", name}, {"reason", refusal}, {"side", "user"}};
  denied.add("data", request->get("data")).add("want_reply", request->get("want_reply"));
  owner_->offer(number_, FrameKind::kDenied, denied.encode());
}

// A program that was refused has, for its user, started and ended.
void Channel::notice_denial(std::string_view payload) {
  const absl::StatusOr<Event> denied = Event::decode(payload);
  Event notice;
  notice.add("text", "gatetape: " + std::string(denied->get("reason")) + "\r\n");
  emit(Direction::kToUser, FrameKind::kNotice, notice.encode());
  if (!starts_program(denied->get("name")) || started_) return;
  emit(Direction::kToUser, FrameKind::kEofOut, "");
  emit(Direction::kToUser, FrameKind::kCloseOut, "");
}

void Channel::on_released(tee::FramePtr frame) {
  const Direction direction = direction_of(frame->frame.kind);
  half(direction).outbox.push(std::move(frame));
  service();
}

void Channel::service() {
  for (const Direction direction : {Direction::kToTarget, Direction::kToUser}) {
    write(direction);
    read(direction);
  }
}

void Channel::write(Direction direction) {
  while (!half(direction).outbox.empty() && !half(direction).blocked && !owner_->over() &&
         write_front(direction)) {
  }
}

void Channel::block(Direction direction) {
  half(direction).blocked = true;
  world_->after(world_->rng.between(100 * kUs, world_->rng.chance(0.9) ? 50 * kMs : 5 * kS),
                [this, direction] {
                  half(direction).blocked = false;
                  if (!owner_->over()) service();
                });
}

bool Channel::write_front(Direction direction) {
  Half& to = half(direction);
  const Frame& frame = to.outbox.front();
  const Oracle::Path path{direction, number_};
  if (deaf(direction) && !is_close(frame.kind)) {
    oracle_->on_dropped(session_, path);
    to.outbox.pop();
    return true;
  }
  if (frame.kind == FrameKind::kDenied) {
    const std::string denied = frame.payload;
    oracle_->on_dropped(session_, path);
    to.outbox.pop();
    notice_denial(denied);
    return true;
  }
  if (world_->fails(Call::kWrite, 0)) {
    owner_->on_peer_lost(direction);
    return false;
  }
  if (world_->strikes(world_->faults.sink_blocks)) {
    block(direction);
    return false;
  }
  if (is_bytes(frame.kind)) return write_bytes(direction, frame);
  oracle_->on_step(session_, path, frame);
  const Step step{frame.kind, frame.payload};
  to.outbox.pop();
  if (is_close(step.kind)) to.close_written = true;
  if (direction == Direction::kToTarget)
    target_got(step.kind, step.payload);
  else
    user_got(step.kind);
  if (finished()) owner_->on_channel_finished();
  return true;
}

bool Channel::write_bytes(Direction direction, const Frame& frame) {
  gateway::Outbox& outbox = half(direction).outbox;
  const std::string_view rest = outbox.rest();
  const bool partial = world_->strikes(world_->faults.partial_writes);
  const size_t count = partial ? world_->rng.below(rest.size()) + 1 : rest.size();
  const std::string bytes(rest.substr(0, count));
  const FrameKind kind = frame.kind;
  oracle_->on_bytes(session_, {direction, number_}, kind, bytes);
  outbox.take(count);
  if (direction == Direction::kToTarget) target_got(kind, bytes);
  return true;
}

void Channel::target_got(FrameKind kind, std::string_view payload) {
  switch (kind) {
    case FrameKind::kChannelOpen:
      return later(100 * kUs, 20 * kMs, &Channel::target_accepts);
    case FrameKind::kRequestIn:
      return target_got_request(payload);
    case FrameKind::kIn:
      if (runs_sftp_) return target_answers(payload);
      if (plan_.echoes && !exited_) emit(Direction::kToUser, FrameKind::kOut, std::string(payload));
      return;
    case FrameKind::kEofIn:
      if (!runs_command_) later(100 * kUs, 50 * kMs, &Channel::target_exits);
      return;
    case FrameKind::kCloseIn:
      return emit(Direction::kToUser, FrameKind::kCloseOut, "");
    default:
      return;
  }
}

void Channel::target_got_request(std::string_view payload) {
  const absl::StatusOr<Event> event = Event::decode(payload);
  const std::string name(event->get("request"));
  if (event->get("want_reply") == "1")
    emit(Direction::kToUser, FrameKind::kReplyOut, Event{{"request", name}, {"ok", "1"}}.encode());
  runs_sftp_ = name == "subsystem";
  if (name != "exec") return;
  runs_command_ = true;
  later(100 * kUs, 50 * kMs, &Channel::target_prints);
}

void Channel::target_accepts() {
  emit(Direction::kToUser, FrameKind::kChannelOpenReply, Event{{"ok", "1"}}.encode());
}

void Channel::target_prints() {
  const size_t rest = plan_.output_bytes - printed_;
  if (rest == 0) return target_exits();
  const size_t count = std::min<size_t>(rest, world_->rng.below(plan_.chunk_bytes) + 1);
  printed_ += count;
  emit(Direction::kToUser, world_->rng.chance(0.2) ? FrameKind::kErr : FrameKind::kOut,
       world_->rng.bytes(count));
  later(10 * kUs, 5 * kMs, &Channel::target_prints);
}

// SSH_FXP_STATUS, ok, to each whole packet (draft-ietf-secsh-filexfer-02 section 7).
void Channel::target_answers(std::string_view bytes) {
  packets_ += bytes;
  for (;;) {
    ByteReader reader(packets_);
    std::string_view packet;
    uint32_t id = 0;
    if (!reader.get_string(&packet) || packet.size() < 5) return;
    ByteReader(packet.substr(1)).get_u32(&id);
    std::string status(1, '\x65');
    for (uint32_t number : {id, 0U, 0U, 0U}) put_u32(&status, number);
    std::string answer;
    put_string(&answer, status);
    packets_.erase(0, packet.size() + 4);
    emit(Direction::kToUser, FrameKind::kOut, std::move(answer));
  }
}

void Channel::target_exits() {
  if (std::exchange(exited_, true)) return;
  std::string status;
  put_u32(&status, 0);
  Event event{{"request", "exit-status"}, {"want_reply", "0"}};
  event.add("data", status);
  emit(Direction::kToUser, FrameKind::kEofOut, "");
  emit(Direction::kToUser, FrameKind::kRequestOut, event.encode());
  emit(Direction::kToUser, FrameKind::kCloseOut, "");
}

void Channel::user_got(FrameKind kind) {
  if (kind == FrameKind::kChannelOpenReply) return user_turn();
  if (kind == FrameKind::kCloseOut) emit(Direction::kToTarget, FrameKind::kCloseIn, "");
}

void Channel::user_turn() {
  if (played_ == plan_.script.size() || half(Direction::kToTarget).close_emitted) return;
  const Step& step = plan_.script[played_++];
  emit(Direction::kToTarget, step.kind, step.payload);
  later(plan_.think_ns / 2, plan_.think_ns, &Channel::user_turn);
}

}  // namespace gatetape::sim
