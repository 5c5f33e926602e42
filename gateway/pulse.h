// Pulse: the periodic frames of the gateway's system session. They are heartbeats, by which auditd
// distinguishes a live session from an interrupted one, and jumps of the wall clock. Runs on the
// first loop, which owns it.
#pragma once

#include <cstdint>
#include <string>

#include "gateway/loop.h"
#include "gateway/services.h"

namespace gatetape::gateway {

class Pulse : public Member {
 public:
  explicit Pulse(Services& services);

  void service() override {}
  void on_tick(int64_t mono_ns) override;
  bool finished() const override { return stopped_; }
  void shut_down(const std::string&) override { stopped_ = true; }

 private:
  Services& services_;
  int64_t wall_minus_mono_ns_;
  int64_t next_heartbeat_ns_ = 0;
  bool stopped_ = false;
};

}  // namespace gatetape::gateway
