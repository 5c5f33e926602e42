// Redaction: which payloads a bundle leaves out, and the members `frames` and `frame_keys` of what
// is left (docs/FORMAT.md section 10.3). Pure; one thread.
#pragma once

#include <cstdint>
#include <string>

#include "record/commit_keys.h"
#include "record/frame.h"

namespace gatetape {

struct Redaction {
  bool without_input = false;  // what the user typed is left out
  // Frames outside of this time are left out: from `from_ns` on, and before `to_ns`, both counted
  // from the opening of the session. The opening, the end, and how channels were opened stay.
  uint64_t from_ns = 0;
  uint64_t to_ns = UINT64_MAX;

  bool leaves_out(const Frame& frame) const;
  // is_none returns true when every payload stays.
  bool is_none() const { return !without_input && from_ns == 0 && to_ns == UINT64_MAX; }
};

// FrameMembers is the bytes of both members for some frames.
struct FrameMembers {
  std::string frames;
  std::string keys;

  // add appends a frame with its key, or, when it is left out, with its commitment.
  void add(Frame frame, const CommitKeys& commit_keys, const Redaction& redaction);
};

}  // namespace gatetape
