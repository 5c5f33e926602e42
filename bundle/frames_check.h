// read_frames: reads the frames of a bundle once, in pieces, and computes the tree of their leaves
// (docs/FORMAT.md sections 3 and 10.3). Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bundle/manifest.h"
#include "bundle/member_reader.h"
#include "record/frame.h"

namespace gatetape {

// FramesFacts is what a verifier needs to know about the frames.
struct FramesFacts {
  uint64_t count = 0;
  FrameKind first_kind = FrameKind::kIn;
  FrameKind last_kind = FrameKind::kIn;
  std::vector<LeftOut> left_out;   // by ascending kind
  std::map<uint64_t, Hash> roots;  // of the sizes that were asked for, up to `count`
  // The first frame that is not in an order that a writer makes, in words; empty = none.
  std::string order_problem;
};

// read_frames reads all of both members, which may be hostile. `sizes` are those of which the root
// is wanted. It fails with INVALID_ARGUMENT when a frame is malformed or the keys are not one for
// each payload, and as the source does.
absl::StatusOr<FramesFacts> read_frames(const Manifest& manifest, MemberReader& frames,
                                        MemberReader& keys, const std::vector<uint64_t>& sizes);

}  // namespace gatetape
