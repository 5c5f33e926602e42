#include "record/frame.h"

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kCanonicalBytes = 75;

// Facts is what every kind has; the name is empty for a number that is no kind.
struct Facts {
  std::string_view name;
  FrameClass frame_class = FrameClass::kSystem;
  Route route = Route::kNobody;
};

// clang-format off
constexpr Facts facts_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::kIn: return {"in", FrameClass::kBytes, Route::kToTarget};
    case FrameKind::kOut: return {"out", FrameClass::kBytes, Route::kToUser};
    case FrameKind::kErr: return {"err", FrameClass::kBytes, Route::kToUser};
    case FrameKind::kSessionOpen: return {"session_open", FrameClass::kSession, Route::kNobody};
    case FrameKind::kSessionEnd: return {"session_end", FrameClass::kSession, Route::kNobody};
    case FrameKind::kTargetConnect: return {"target_connect", FrameClass::kSession, Route::kNobody};
    case FrameKind::kTargetFail: return {"target_fail", FrameClass::kSession, Route::kNobody};
    case FrameKind::kChannelOpen: return {"channel_open", FrameClass::kOpen, Route::kToTarget};
    case FrameKind::kChannelOpenReply:
      return {"channel_open_reply", FrameClass::kOpenReply, Route::kToUser};
    case FrameKind::kRequestIn: return {"request_in", FrameClass::kRequest, Route::kToTarget};
    case FrameKind::kRequestOut: return {"request_out", FrameClass::kRequest, Route::kToUser};
    case FrameKind::kReplyOut: return {"reply_out", FrameClass::kReply, Route::kToUser};
    case FrameKind::kEofIn: return {"eof_in", FrameClass::kEof, Route::kToTarget};
    case FrameKind::kEofOut: return {"eof_out", FrameClass::kEof, Route::kToUser};
    case FrameKind::kCloseIn: return {"close_in", FrameClass::kClose, Route::kToTarget};
    case FrameKind::kCloseOut: return {"close_out", FrameClass::kClose, Route::kToUser};
    // A denial travels behind what was passed to the target, so that answers keep their order.
    case FrameKind::kDenied: return {"denied", FrameClass::kDenial, Route::kToTarget};
    case FrameKind::kNotice: return {"notice", FrameClass::kNotice, Route::kToUser};
    case FrameKind::kAuthAttempt: return {"auth_attempt"};
    case FrameKind::kAccessLoad: return {"access_load"};
    case FrameKind::kStart: return {"start"};
    case FrameKind::kStop: return {"stop"};
    case FrameKind::kAccessDenied: return {"access_denied"};
    case FrameKind::kClockJump: return {"clock_jump"};
    case FrameKind::kHeartbeat: return {"heartbeat"};
    case FrameKind::kSessionOpened: return {"session_opened"};
    case FrameKind::kSessionClosed: return {"session_closed"};
    case FrameKind::kQuery: return {"query"};
    case FrameKind::kConnectionRefused: return {"connection_refused"};
  }
  return {};
}
// clang-format on

}  // namespace

bool is_known(uint32_t kind) {
  return kind <= UINT16_MAX && !kind_name(static_cast<FrameKind>(kind)).empty();
}

std::string_view kind_name(FrameKind kind) { return facts_of(kind).name; }

FrameClass class_of(FrameKind kind) { return facts_of(kind).frame_class; }

Route route_of(FrameKind kind) { return facts_of(kind).route; }

std::string canonical_bytes(const SessionId& session, const Frame& frame, const Hash& commitment) {
  std::string out;
  out.reserve(kCanonicalBytes);
  put_u8(&out, kVersion);
  out += session.bytes();
  put_u64(&out, frame.seq);
  put_u32(&out, frame.channel);
  put_u16(&out, static_cast<uint16_t>(frame.kind));
  put_u64(&out, frame.offset_ns);
  put_u32(&out, static_cast<uint32_t>(frame.payload.size()));
  out += view(commitment);
  CHECK(out.size() == kCanonicalBytes, frame.seq, out.size());
  return out;
}

Hash leaf_hash(const SessionId& session, std::string_view commit_key, const Frame& frame) {
  const std::string_view prefix("\0", 1);
  return sha256(prefix, canonical_bytes(session, frame, hmac_sha256(commit_key, frame.payload)));
}

}  // namespace gatetape
