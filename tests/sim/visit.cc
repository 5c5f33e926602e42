#include "tests/sim/visit.h"

#include <algorithm>
#include <utility>

namespace gatetape::sim {
namespace {

// Bytes by which waiting requests may exceed their limit: the product checks the limit before it
// adds one more request, and no request of a plan is larger than this with its overhead.
constexpr uint64_t kOneMoreBytes = 1024;

// limits_of returns small limits, so that short sessions reach several of them: the outboxes, the
// frames, the reads of held bytes and the channels. A large session has the product's own limits.
gateway::SessionLimits limits_of(const SessionPlan& plan) {
  gateway::SessionLimits limits;
  limits.freeze_ns = plan.freeze_ns;
  limits.channels_max = plan.channels_max;
  if (plan.is_large) return limits;
  limits.channel = {.frame_bytes = 1000,
                    .write_bytes = 700,
                    .outbox_bytes_max = 2048,
                    .window = {.min_bytes = 2048, .max_bytes = 8000},
                    .first_window_bytes = {300, 400},
                    .drain_bytes = 300,
                    .request_bytes_max = kRequestBytesMax,
                    .denied_bytes_max = kDeniedBytesMax,
                    .requests_waiting_max = 12,
                    .step_bytes_max = 12'000,
                    .frames_per_flush = 8};
  return limits;
}

}  // namespace

gateway::SessionWish Visit::wish() {
  gateway::SessionWish open = Rules::wish();
  open.address = "10.0.0.1:22";
  return open;
}

void Visit::on_rules_changed(const Rules& rules) {
  if (over()) return;
  place_.oracle->on_rules_changed(number(), rules.allowed());
  core_.on_rules_changed(rules.access());
  place_.oracle->check_rules_hold(number());
}

Visit::Visit(const Record::Place& place, Rules& rules, const Grant& grant, SessionPlan plan)
    : place_(place),
      plan_(std::move(plan)),
      limits_(limits_of(plan_)),
      budget_(rules.memory()),
      memory_(budget_.account("alice")),
      record_(place, plan_.window_bytes,
              [&rules](uint64_t session, const SessionId& id, Record::Done done) {
                rules.claim(session, id, std::move(done));
              }),
      open_channels_(plan_.channels.size()),
      core_(wish(), grant, limits_, *memory_, record_.recording(), *this) {
  record_.set_owner(&core_);
  uint64_t library_bytes = 0;
  for (const ChannelPlan& channel : plan_.channels) library_bytes += 4 * channel.library_bytes;
  place_.oracle->on_opened(number(), rules.allowed(), library_bytes);
  Event event{{"kind", "session"},          {"user", "alice"}, {"login", "root"}, {"target", "db1"},
              {"source", "192.0.2.1:4711"}, {"gateway", "gw1"}};
  event.add("rule", grant.rule);
  event.add_number("started_at", static_cast<uint64_t>(place_.world->wall_ns()));
  event.add("gateway_run", place_.run);
  place_.numbers->offer([this, &event](uint64_t session_no) {
    event.add_number("session_no", session_no);
    core_.start(event);
  });
  ask_for_channels(true);
  tick();
}

void Visit::check() {
  invariants_.check_step(core_);
  place_.oracle->check_memory(number(), limits_.channel.step_bytes_max + kOneMoreBytes);
}

void Visit::connect_target() {
  place_.oracle->on_session_step(number(), FrameKind::kSessionOpen);
  place_.world->after(place_.world->rng.between(kMs, 100 * kMs), [this] {
    if (over()) return;
    send_banners();
    if (plan_.target_fails)
      return core_.on_target_failed(
          Event{{"reason", "unreachable"}, {"detail", "connection refused"}});
    connected_ = true;
    core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  });
}

void Visit::send_banners() {
  for (const std::string& text : plan_.banners) {
    place_.oracle->on_banner_sent(number(), text);
    core_.on_target_banner({.text = text});
  }
}

void Visit::show_banner(const gateway::Banner& banner) {
  place_.oracle->on_banner_shown(number(), banner.text);
}

void Visit::let_user_in() {
  place_.oracle->on_session_step(number(), FrameKind::kTargetConnect);
  ask_for_channels(false);
}

// Some channels are early: the client asks for them before the login has succeeded.
void Visit::ask_for_channels(bool early) {
  for (const ChannelPlan& plan : plan_.channels)
    if (plan.is_early == early)
      place_.world->after(plan.starts_after_ns, [this, &plan] {
        if (!over() && !user_lost()) ask(plan);
      });
}

void Visit::ask(const ChannelPlan& plan) {
  auto peers = std::make_unique<Peers>(place_.world, place_.oracle, number(), plan,
                                       limits_.channel.first_window_bytes, this);
  Peers& channel = *peers;
  place_.oracle->on_asked(number());
  gateway::ChannelCore* const core = core_.open_channel(plan.type, std::move(peers));
  if (core != nullptr) channel.attach_core(core);
  wake();
}

void Visit::refuse_request(uint64_t) { place_.oracle->on_denial_told(number()); }

void Visit::wake() {
  if (std::exchange(waking_, true)) return;
  place_.world->after(place_.world->rng.between(kUs, 20 * kUs), [this] {
    waking_ = false;
    service();
  });
}

void Visit::service() {
  core_.service();
  core_.check_target();
}

void Visit::lose(Side side) {
  if (std::exchange(lost_[static_cast<size_t>(side)], true)) return;
  place_.world->note(side == Side::kUser ? "the user is lost" : "the target is lost", number());
  place_.oracle->on_lost(number(), side);
  if (side == Side::kUser) place_.oracle->on_user_left(number());
  wake();
}

// The user disconnects when all channels are gone.
void Visit::on_channel_gone() {
  if (--open_channels_ > 0) return;
  place_.world->after(place_.world->rng.between(20 * kMs, 40 * kMs), [this] {
    if (over()) return;
    record_.end_in_order();
    lose(Side::kUser);
  });
}

size_t Visit::window_bytes_max() const {
  const bool is_short = budget_.pressure() != gateway::MemoryBudget::Pressure::kNone;
  const gateway::WindowSizes& sizes = limits_.channel.window;
  return is_short ? sizes.min_bytes : sizes.max_bytes;
}

void Visit::tick() {
  if (ended_) return;
  if (place_.world->rng.chance(0.2))
    budget_.sample(budget_.bytes_max() / 100 * place_.world->rng.below(100));
  const int64_t limit_ns = connected_ ? plan_.freeze_ns : std::min(plan_.freeze_ns, 10 * kS);
  if (!over()) place_.oracle->on_waiting(number(), record_.recording().waiting_ns(), limit_ns);
  core_.check_target();
  core_.on_tick();
  place_.world->after(kS, [this] { tick(); });
}

void Visit::kill() {
  core_.finish({.reason = "shutdown",
                .detail = "the gateway is shutting down",
                .text = "gatetape: the gateway is shutting down"});
}

void Visit::on_over(const gateway::SessionEnd& end) {
  ended_ = true;
  if (end.reason == "revoked") place_.oracle->on_revocation_told(number());
  if (!end.text.empty() && !user_lost()) place_.oracle->on_farewell(number(), end.text);
}

}  // namespace gatetape::sim
