#include "gateway/pulse.h"

#include <cstdlib>

#include "base/os/daemon.h"

namespace gatetape::gateway {
namespace {

// Time between two heartbeats, in nanoseconds.
constexpr int64_t kHeartbeatNs = 20'000'000'000;
// Change of the difference between the wall clock and the monotonic clock, in nanoseconds, above
// which a clock_jump is recorded. NTP's normal corrections are smaller.
constexpr int64_t kJumpNs = 1'000'000'000;

}  // namespace

Pulse::Pulse(Services& services)
    : services_(services),
      wall_minus_mono_ns_(services.clock.wall_ns() - services.clock.mono_ns()) {}

void Pulse::on_tick(int64_t mono_ns) {
  const int64_t wall_ns = services_.clock.wall_ns();
  const int64_t delta_ns = wall_ns - services_.clock.mono_ns() - wall_minus_mono_ns_;
  if (std::abs(delta_ns) > kJumpNs) {
    wall_minus_mono_ns_ += delta_ns;
    const Event jump{{"delta_ns", std::to_string(delta_ns)}, {"wall_ns", std::to_string(wall_ns)}};
    log_warn("clock_jump", {{"delta_ns", std::to_string(delta_ns)}});
    services_.log.record_async(FrameKind::kClockJump, jump, nullptr);
  }
  services_.refusals.flush(false);
  services_.refused_logins.flush(false);
  if (mono_ns < next_heartbeat_ns_) return;
  next_heartbeat_ns_ = mono_ns + kHeartbeatNs;
  Event heartbeat;
  heartbeat.add_number("live_sessions", services_.live_sessions);
  heartbeat.add("wall_ns", std::to_string(wall_ns));
  services_.log.record_async(FrameKind::kHeartbeat, heartbeat, nullptr);
}

}  // namespace gatetape::gateway
