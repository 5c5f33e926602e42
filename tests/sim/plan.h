// SessionPlan: what the people and programs of one session will do, drawn before it begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/frame.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

// Step is something that one side of a channel sends.
struct Step {
  FrameKind kind;
  std::string payload;
};

struct ChannelPlan {
  int64_t starts_after_ns = 0;
  int64_t think_ns = 0;      // between two steps of the user
  std::vector<Step> script;  // the user's; the last is EOF or CLOSE
  size_t output_bytes = 0;   // of the target, when it runs a command
  size_t chunk_bytes = 700;  // of the output, at most at once
  bool echoes = true;
};

struct SessionPlan {
  int64_t starts_after_ns = 0;
  uint64_t window_bytes = 0;
  int64_t freeze_ns = 0;
  bool target_fails = false;
  std::vector<ChannelPlan> channels;
};

// draw_plan makes one at random.
SessionPlan draw_plan(Rng& rng);
// fixed_plan is always the same: a shell with a resize and some bytes, an sftp put, a command, and
// each to its end.
SessionPlan fixed_plan();

}  // namespace gatetape::sim
