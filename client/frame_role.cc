#include "client/frame_role.h"

namespace gatetape::client {

FrameRole role_of(FrameKind kind) {
  if (kind == FrameKind::kSessionOpen) return FrameRole::kOpening;
  if (kind == FrameKind::kTargetConnect) return FrameRole::kTarget;
  if (kind == FrameKind::kRequestIn) return FrameRole::kRequest;
  if (class_of(kind) != FrameClass::kBytes) return FrameRole::kOther;
  return route_of(kind) == Route::kToTarget ? FrameRole::kTyped : FrameRole::kShown;
}

}  // namespace gatetape::client
