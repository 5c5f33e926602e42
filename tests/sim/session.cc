#include "tests/sim/session.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace gatetape::sim {

namespace {

constexpr int64_t kOpenTimeoutNs = 10 * kS;

}  // namespace

Session::Session(const Place& place, Grant grant, SessionPlan plan)
    : world_(place.world),
      oracle_(place.oracle),
      rules_(place.rules),
      grant_(std::move(grant)),
      plan_(std::move(plan)),
      recording_(world_, oracle_, place.link, place.key, plan_.window_bytes, this) {
  oracle_->on_opened(number(), rules_->allowed());
  Event event{{"kind", "session"},          {"user", "alice"}, {"login", "root"}, {"target", "db1"},
              {"source", "192.0.2.1:4711"}, {"gateway", "gw1"}};
  event.add("rule", grant_.rule);
  event.add_number("started_at", static_cast<uint64_t>(world_->wall_ns()));
  offer(0, FrameKind::kSessionOpen, event.encode());
  tick();
}

void Session::offer(uint32_t channel, FrameKind kind, std::string payload) {
  recording_.offer(channel, kind, std::move(payload));
  if (recording_.overrun())
    finish({"protocol", "gatetape: more requests than the recorder can take"});
}

void Session::on_released(tee::FramePtr frame) {
  if (over_) return;
  const FrameKind kind = frame->frame.kind;
  if (kind == FrameKind::kSessionOpen) return on_open();
  if (kind == FrameKind::kTargetConnect) return on_up();
  if (kind == FrameKind::kTargetFail) {
    const absl::StatusOr<Event> event = Event::decode(frame->frame.payload);
    return finish({"target_" + std::string(event->get("reason")),
                   "gatetape: db1: " + printable(event->get("detail")), true});
  }
  const uint32_t number = frame->frame.channel;
  for (Channel& channel : channels_) {
    if (channel.number() == number) channel.on_released(frame);
    channel.service();
  }
}

void Session::on_open() {
  world_->after(world_->rng.between(kMs, 100 * kMs), [this] {
    if (over_) return;
    if (plan_.target_fails)
      offer(0, FrameKind::kTargetFail,
            Event{{"reason", "unreachable"}, {"detail", "connection refused"}}.encode());
    else
      offer(0, FrameKind::kTargetConnect, Event{{"address", "10.0.0.1:22"}}.encode());
  });
}

void Session::on_up() {
  up_ = true;
  uint32_t number = 0;
  for (const ChannelPlan& plan : plan_.channels) {
    Channel& channel =
        channels_.emplace_back(world_, oracle_, recording_.number(), ++number, plan, this);
    world_->after(plan.starts_after_ns, [this, &channel] {
      if (!over_) channel.open();
    });
  }
}

void Session::on_channel_finished() {
  const bool all = std::all_of(channels_.begin(), channels_.end(),
                               [](const Channel& channel) { return channel.finished(); });
  if (!all) return;
  world_->after(world_->rng.between(0, 10 * kMs), [this] { leave(true); });
}

void Session::tick() {
  if (over_) return;
  const int64_t limit_ns = up_ ? plan_.freeze_ns : std::min(plan_.freeze_ns, kOpenTimeoutNs);
  const int64_t waiting_ns = recording_.waiting_ns();
  oracle_->on_waiting(recording_.number(), waiting_ns, limit_ns);
  if (waiting_ns >= limit_ns)
    finish({"recorder", "gatetape: the recorder has not answered for " +
                            std::to_string(limit_ns / kS) +
                            " s, so the session was ended; nothing passed unrecorded"});
  world_->after(kS, [this] { tick(); });
}

void Session::on_record_failed(const std::string& why) {
  finish({"recorder", "gatetape: the record failed, so the session was ended: " + why});
}

// As it was when the session was opened, whatever was loaded since.
const Grant& Session::grant() const { return grant_; }

// The gateway drains what a lost target sent before; here it ends at once.
void Session::on_peer_lost(Direction direction) {
  if (direction == Direction::kToUser) return leave(false);
  finish({"target", "gatetape: db1 closed the connection"});
}

// leave: the user's connection is gone.
void Session::leave(bool in_order) {
  if (over_) return;
  oracle_->on_user_left(number());
  finish({"client", "", in_order});
}

void Session::finish(const Ending& ending) {
  if (std::exchange(over_, true)) return;
  recording_.end(ending.reason, ending.in_order);
  if (!ending.text.empty()) oracle_->on_farewell(number(), ending.text);
}

}  // namespace gatetape::sim
