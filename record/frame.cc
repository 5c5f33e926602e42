#include "record/frame.h"

#include <array>
#include <utility>

#include "base/bytes.h"

namespace gatetape {
namespace {

constexpr uint8_t kVersion = 1;

constexpr std::array<std::pair<FrameKind, std::string_view>, 29> kNames = {{
    {FrameKind::kIn, "in"},
    {FrameKind::kOut, "out"},
    {FrameKind::kErr, "err"},
    {FrameKind::kSessionOpen, "session_open"},
    {FrameKind::kSessionEnd, "session_end"},
    {FrameKind::kTargetConnect, "target_connect"},
    {FrameKind::kTargetFail, "target_fail"},
    {FrameKind::kChannelOpen, "channel_open"},
    {FrameKind::kChannelOpenReply, "channel_open_reply"},
    {FrameKind::kRequestIn, "request_in"},
    {FrameKind::kRequestOut, "request_out"},
    {FrameKind::kReplyOut, "reply_out"},
    {FrameKind::kEofIn, "eof_in"},
    {FrameKind::kEofOut, "eof_out"},
    {FrameKind::kCloseIn, "close_in"},
    {FrameKind::kCloseOut, "close_out"},
    {FrameKind::kDenied, "denied"},
    {FrameKind::kNotice, "notice"},
    {FrameKind::kAuthAttempt, "auth_attempt"},
    {FrameKind::kAccessLoad, "access_load"},
    {FrameKind::kStart, "start"},
    {FrameKind::kStop, "stop"},
    {FrameKind::kAccessDenied, "access_denied"},
    {FrameKind::kClockJump, "clock_jump"},
    {FrameKind::kHeartbeat, "heartbeat"},
    {FrameKind::kSessionOpened, "session_opened"},
    {FrameKind::kSessionClosed, "session_closed"},
    {FrameKind::kQuery, "query"},
    {FrameKind::kConnectionRefused, "connection_refused"},
}};

}  // namespace

bool is_known(uint32_t kind) {
  return kind <= UINT16_MAX && !kind_name(static_cast<FrameKind>(kind)).empty();
}

std::string_view kind_name(FrameKind kind) {
  for (const auto& [number, name] : kNames)
    if (number == kind) return name;
  return {};
}

std::string canonical_bytes(const SessionId& session, const Frame& frame, const Hash& commitment) {
  std::string out;
  out.reserve(75);
  put_u8(&out, kVersion);
  out += session.bytes();
  put_u64(&out, frame.seq);
  put_u32(&out, frame.channel);
  put_u16(&out, static_cast<uint16_t>(frame.kind));
  put_u64(&out, frame.offset_ns);
  put_u32(&out, static_cast<uint32_t>(frame.payload.size()));
  out += view(commitment);
  return out;
}

Hash leaf_hash(const SessionId& session, std::string_view commit_key, const Frame& frame) {
  const std::string_view prefix("\0", 1);
  return sha256(prefix, canonical_bytes(session, frame, hmac_sha256(commit_key, frame.payload)));
}

}  // namespace gatetape
