// FrameRole: what a frame is to somebody who looks at a session. Every place that replays or
// exports a channel decides by it, so that a new kind of frame is classified once. Pure; any
// thread.
#pragma once

#include "record/frame.h"

namespace gatetape::client {

enum class FrameRole {
  kShown,    // output bytes, which the user's terminal displayed
  kTyped,    // input bytes
  kRequest,  // a channel request of the client: it may ask for a pty, or resize it
  kOpening,  // the first frame of a session: the client and its route
  kTarget,   // the connection to the target: its host key and the login
  kOther,    // nothing that a terminal displays
};

// role_of returns the role of a kind, also of a number that this version does not know.
FrameRole role_of(FrameKind kind);
// is_shown returns true for frames that the user's terminal displayed.
inline bool is_shown(const Frame& frame) { return role_of(frame.kind) == FrameRole::kShown; }

}  // namespace gatetape::client
