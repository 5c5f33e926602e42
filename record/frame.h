// Frame: one step of a session and its canonical bytes (docs/FORMAT.md sections 2 and 3). Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "record/session_id.h"

namespace gatetape {

// FrameKind is the number `kind` of docs/FORMAT.md section 2. Numbers are never reused. No switch
// over FrameKind has a `default`, so that the compiler names each place that must handle a new
// kind.
enum class FrameKind : uint16_t {
  kIn = 1,   // bytes to the target
  kOut = 2,  // bytes to the user, stdout
  kErr = 3,  // bytes to the user, stderr (extended data type 1)

  kSessionOpen = 16,
  kSessionEnd = 17,
  kTargetConnect = 18,  // the host key was checked and the login succeeded
  kTargetFail = 19,

  kChannelOpen = 32,
  kChannelOpenReply = 33,
  kRequestIn = 34,   // a channel request of the user
  kRequestOut = 35,  // a channel request of the target
  kReplyOut = 36,    // the reply of the target to a kRequestIn
  kEofIn = 37,
  kEofOut = 38,
  kCloseIn = 39,
  kCloseOut = 40,
  kDenied = 41,  // a request or channel that policy does not allow
  kNotice = 42,  // text that the gateway itself shows to the user

  kAuthAttempt = 48,
  kAccessLoad = 49,
  kStart = 50,
  kStop = 51,
  kAccessDenied = 52,  // policy does not allow the session, so that it is not opened
  kClockJump = 53,
  kHeartbeat = 54,
  kSessionOpened = 55,  // in the gateway's system session
  kSessionClosed = 56,
  kQuery = 57,              // a call that auditd answered: who asked, what, and the result
  kConnectionRefused = 58,  // limits, before authentication
};

// FrameClass groups the kinds by what they are on their way through a session, whichever way they
// go. Code that handles frames switches over it without a `default:`.
enum class FrameClass {
  kBytes,
  kOpen,       // a channel is asked for
  kOpenReply,  // and granted or refused
  kRequest,    // a channel request
  kReply,      // the answer to one
  kDenial,     // a request or channel that does not pass
  kNotice,
  kEof,
  kClose,
  kSession,  // a step of the session itself: its opening, its target, its end
  kSystem,   // a step of a daemon, which concerns no peer of a session
};
// Route is the peer that a frame is passed on to.
enum class Route { kToTarget, kToUser, kNobody };
// class_of and route_of know every kind: a new one does not compile until both have a place for it.
FrameClass class_of(FrameKind kind);
Route route_of(FrameKind kind);

// is_known returns true when `kind` is a number above.
bool is_known(uint32_t kind);
// is_bytes returns true when a frame of this kind carries stream bytes. All other kinds carry an
// event.
inline bool is_bytes(FrameKind kind) { return static_cast<uint16_t>(kind) <= 3; }
// kind_name returns the name used in SQL, JSON and documents: "in", "session_open" and so on.
std::string_view kind_name(FrameKind kind);

// Largest payload of a frame, in bytes. The recorder refuses a larger one. The number is part of
// the format (docs/FORMAT.md section 2).
constexpr size_t kPayloadBytesMax = 256 * 1024;
// Size of a commit key, in bytes: the output size of the HMAC that it keys.
constexpr size_t kCommitKeyBytes = 32;
// Estimated memory of one queued frame in addition to its payload, in bytes. Every limit on queued
// frames adds this number for each frame, so that a frame of one byte is not counted as one byte.
// In a writer the sealed frame and its control block take 144 bytes, the allocation of the payload
// takes up to 24, and the pointers in the queues of gate, link and channel take 48. In the recorder
// the work item takes 184, and the payload 24. 256 is the next power of two above both sums.
constexpr size_t kFrameOverheadBytes = 256;

struct Frame {
  uint64_t seq = 0;
  uint32_t channel = 0;
  FrameKind kind = FrameKind::kIn;
  uint64_t offset_ns = 0;
  std::string payload;
};

// canonical_bytes returns the 75 canonical bytes of a frame whose payload has this commitment.
std::string canonical_bytes(const SessionId& session, const Frame& frame, const Hash& commitment);
// leaf_hash returns SHA-256(0x00 || canonical bytes). The commitment in them is
// HMAC-SHA-256(commit_key, payload).
Hash leaf_hash(const SessionId& session, std::string_view commit_key, const Frame& frame);

}  // namespace gatetape
