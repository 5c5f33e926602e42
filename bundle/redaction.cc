#include "bundle/redaction.h"

#include <utility>

#include "record/batch.h"

namespace gatetape {
namespace {

// is_typed returns true when the payload has bytes that the user typed.
bool is_typed(FrameKind kind) {
  return kind == FrameKind::kIn || kind == FrameKind::kSecretIn || kind == FrameKind::kWithheld;
}

// is_frame_of_all returns true for frames that say who, where and when, without any content.
bool is_frame_of_all(FrameKind kind) {
  return opens_session(kind) || ends_session(kind) || kind == FrameKind::kChannelOpen ||
         kind == FrameKind::kChannelOpenReply;
}

}  // namespace

bool Redaction::leaves_out(const Frame& frame) const {
  if (without_input && is_typed(frame.kind)) return true;
  const bool is_outside = frame.offset_ns < from_ns || frame.offset_ns >= to_ns;
  return is_outside && !is_frame_of_all(frame.kind);
}

void FrameMembers::add(Frame frame, const CommitKeys& commit_keys, const Redaction& redaction) {
  if (!frame.absent && redaction.leaves_out(frame)) {
    frame.absent = AbsentPayload{.bytes = static_cast<uint32_t>(frame.payload.size()),
                                 .commitment = commit_keys.commitment(frame)};
    frame.payload.clear();
  }
  put_frame(&frames, frame);
  if (!frame.absent) keys += commit_keys.frame_key(frame.kind, frame.seq);
}

}  // namespace gatetape
