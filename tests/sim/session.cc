#include "tests/sim/session.h"

#include <algorithm>
#include <utility>

namespace gatetape::sim {

Session::Session(World* world, Oracle* oracle, Link* link, const SigningKey* key, SessionPlan plan)
    : world_(world),
      oracle_(oracle),
      plan_(std::move(plan)),
      recording_(world, oracle, link, key, plan_.window_bytes, this) {
  Event event{{"kind", "session"},          {"user", "alice"}, {"login", "root"}, {"target", "db1"},
              {"source", "192.0.2.1:4711"}, {"gateway", "gw1"}};
  event.add_number("started_at", static_cast<uint64_t>(world_->wall_ns()));
  offer(0, FrameKind::kSessionOpen, event.encode());
  tick();
}

void Session::offer(uint32_t channel, FrameKind kind, std::string payload) {
  recording_.offer(channel, kind, std::move(payload));
  if (recording_.overrun()) finish("misuse", false);
}

void Session::on_released(tee::FramePtr frame) {
  if (over_) return;
  const FrameKind kind = frame->frame.kind;
  if (kind == FrameKind::kSessionOpen) return on_open();
  if (kind == FrameKind::kTargetConnect) return on_up();
  if (kind == FrameKind::kTargetFail) return finish("target_unreachable", true);
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
      offer(0, FrameKind::kTargetFail, Event{{"reason", "unreachable"}}.encode());
    else
      offer(0, FrameKind::kTargetConnect, Event{{"address", "10.0.0.1:22"}}.encode());
  });
}

void Session::on_up() {
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
  world_->after(world_->rng.between(0, 10 * kMs), [this] { finish("client", true); });
}

void Session::tick() {
  if (over_) return;
  oracle_->on_waiting(recording_.number(), recording_.waiting_ns(), plan_.freeze_ns);
  if (recording_.waiting_ns() > plan_.freeze_ns) finish("recorder", false);
  world_->after(kS, [this] { tick(); });
}

void Session::finish(const std::string& reason, bool in_order) {
  if (std::exchange(over_, true)) return;
  recording_.end(reason, in_order);
}

}  // namespace gatetape::sim
