#include "client/frame_role.h"

namespace gatetape::client {

FrameRole role_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::kOut:
    case FrameKind::kErr:
      return FrameRole::kShown;
    case FrameKind::kIn:
      return FrameRole::kTyped;
    case FrameKind::kRequestIn:
      return FrameRole::kRequest;
    case FrameKind::kSessionOpen:
      return FrameRole::kOpening;
    case FrameKind::kTargetConnect:
      return FrameRole::kTarget;
    case FrameKind::kSessionEnd:
    case FrameKind::kTargetFail:
    case FrameKind::kChannelOpen:
    case FrameKind::kChannelOpenReply:
    case FrameKind::kRequestOut:
    case FrameKind::kReplyOut:
    case FrameKind::kEofIn:
    case FrameKind::kEofOut:
    case FrameKind::kCloseIn:
    case FrameKind::kCloseOut:
    case FrameKind::kDenied:
    case FrameKind::kNotice:
    case FrameKind::kAuthAttempt:
    case FrameKind::kAccessLoad:
    case FrameKind::kStart:
    case FrameKind::kStop:
    case FrameKind::kAccessDenied:
    case FrameKind::kClockJump:
    case FrameKind::kHeartbeat:
    case FrameKind::kSessionOpened:
    case FrameKind::kSessionClosed:
    case FrameKind::kQuery:
    case FrameKind::kConnectionRefused:
      return FrameRole::kOther;
  }
  return FrameRole::kOther;  // a number that is not in the enum
}

}  // namespace gatetape::client
