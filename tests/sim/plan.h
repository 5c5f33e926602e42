// SessionPlan: everything that the user and the programs of one session will do. It is drawn before
// the session starts.
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

// Data of one request that passes in a session of the simulation, in bytes, and data that the
// denial of a longer one keeps. A large session has the product's limits.
constexpr size_t kRequestBytesMax = 600;
constexpr size_t kDeniedBytesMax = 100;

// Said is one step that a peer of a channel sends. The class decides which other fields it uses.
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
  int64_t think_ns = 0;        // delay between two steps of the user
  std::vector<Said> script{};  // the user's steps; the last one is EOF or CLOSE
  size_t output_bytes = 0;     // output of a command that the target runs
  size_t chunk_bytes = 700;    // maximal size of one write of the output
  bool echoes = true;
  bool target_refuses = false;  // the target fails to open the channel
  size_t window_bytes = 4096;   // window of each peer
  size_t library_bytes =
      2048;  // bytes per peer that the SSH library holds before the window closes
};

struct SessionPlan {
  int64_t starts_after_ns = 0;
  uint64_t window_bytes = 0;
  int64_t freeze_ns = 0;
  bool target_fails = false;
  std::vector<std::string> banners{};  // texts that the target sends before its login succeeds
  bool is_large = false;               // uses the product's own limits
  size_t channels_max = 64;
  std::vector<ChannelPlan> channels;
};

// draw_plan returns a random plan.
SessionPlan draw_plan(Rng& rng);
// fixed_plan always returns the same plan: a shell with a window change and some bytes, an sftp
// put, and a command, each to its end.
SessionPlan fixed_plan();

}  // namespace gatetape::sim
