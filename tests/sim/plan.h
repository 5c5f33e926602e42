// SessionPlan: what the people and programs of one session will do, drawn before it begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/session/ports.h"
#include "record/frame.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

using gateway::Side;
using ByteStream = gateway::Stream;

// Said is something that one peer of a channel sends.
struct Said {
  FrameClass what = FrameClass::kBytes;
  ByteStream stream = ByteStream::kData;  // kBytes
  std::string data{};                     // kBytes
  gateway::Request request{};             // kRequest
  bool ok = false;                        // kReply, kOpenReply
};

struct ChannelPlan {
  std::string type = "session";
  bool is_early = false;  // the user asks for it before the login has succeeded
  int64_t starts_after_ns = 0;
  int64_t think_ns = 0;        // between two steps of the user
  std::vector<Said> script{};  // the user's; the last is EOF or CLOSE
  size_t output_bytes = 0;     // of the target, when it runs a command
  size_t chunk_bytes = 700;    // of the output, at most at once
  bool echoes = true;
  bool target_refuses = false;  // to open the channel
  size_t window_bytes = 4096;   // of each peer
  size_t library_bytes = 2048;  // held by the SSH library for each peer before its window closes
};

struct SessionPlan {
  int64_t starts_after_ns = 0;
  uint64_t window_bytes = 0;
  int64_t freeze_ns = 0;
  bool target_fails = false;
  bool is_large = false;  // with the product's own limits
  size_t channels_max = 64;
  std::vector<ChannelPlan> channels;
};

// draw_plan makes one at random.
SessionPlan draw_plan(Rng& rng);
// fixed_plan is always the same: a shell with a resize and some bytes, an sftp put, a command, and
// each to its end.
SessionPlan fixed_plan();

}  // namespace gatetape::sim
