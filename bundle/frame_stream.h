// FrameStream: reads the frames of the member `frames` one after the other (docs/FORMAT.md section
// 10.3). One thread.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "bundle/member_reader.h"
#include "record/frame.h"

namespace gatetape {

class FrameStream {
 public:
  // The reader of the member outlives the stream.
  explicit FrameStream(MemberReader& member) : member_(member) {}

  bool at_end() const { return member_.at_end(); }
  // next returns the next frame, whose bytes may be hostile. It fails with INVALID_ARGUMENT when
  // the frame is malformed, and as the source does.
  absl::StatusOr<Frame> next();

 private:
  MemberReader& member_;
  uint64_t seq_ = 0;
};

}  // namespace gatetape
