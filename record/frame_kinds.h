// FrameKind: what a frame is, and the facts that hold for every frame of a kind (docs/FORMAT.md
// section 2). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatetape {

// FrameKind is the number `kind` of docs/FORMAT.md section 2. Numbers are never reused. No switch
// over FrameKind has a `default`, so that the compiler names each place that must handle a new
// kind.
enum class FrameKind : uint16_t {
  kIn = 1,        // bytes to the target
  kOut = 2,       // bytes to the user, stdout
  kErr = 3,       // bytes to the user, stderr (extended data type 1)
  kSecretIn = 4,  // bytes that only the holder of the input key may read
  kSecretOut = 5,

  kSessionOpen = 16,
  kSessionEnd = 17,
  kTargetConnect = 18,  // the host key was checked and the login succeeded
  kTargetFail = 19,
  kBanner = 20,  // SSH_MSG_USERAUTH_BANNER of the target
  kViewer = 21,

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
  kReplyIn = 43,
  kGlobalIn = 44,  // a global request of the user (RFC 4254 section 4)
  kGlobalOut = 45,
  kGlobalReplyOut = 46,
  kGlobalReplyIn = 47,

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
  kConnectionEnd = 59,
  kKeyProbe = 60,
  kAddressDelayed = 61,
  kRollbackSeen = 62,
  kRollbackAccepted = 63,

  kProtocol = 64,
  kAgentRequest = 65,
  kAgentReply = 66,
  kWithheld = 67,  // bytes of the user that did not pass
  kAnswered = 68,  // bytes to the user that the gateway made itself
  kInputBy = 69,
  kHeld = 70,
  kDecided = 71,

  kControl = 80,
  kControlResult = 81,
  kHostState = 82,
  kHostKeySeen = 83,
  kNodeUp = 84,
  kNodeDown = 85,
  kNodeInvite = 86,
  kNodeJoin = 87,
  kCaRotate = 88,
  kCertificateIssued = 89,
  kGatewayVerb = 90,

  kErased = 96,
  kHoldSet = 97,
  kHoldLifted = 98,
  kRepacked = 99,
  kVerdict = 100,
  kSinkState = 101,
  kWatchHit = 102,
  kIndexState = 103,
  kWebLogin = 104,
  kWebLogout = 105,

  kHttpRequest = 112,
  kHttpAnswer = 113,
  kHttpTrailers = 114,
  kHttpEnd = 115,
  kMessageIn = 116,
  kMessageOut = 117,
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

// is_known returns true when `kind` is a number above. Readers accept other numbers too: a later
// version wrote them.
bool is_known(uint32_t kind);
// is_written returns true for a kind that may be recorded. The others are reserved: their numbers
// and fields are fixed, and nothing writes them yet.
bool is_written(uint32_t kind);
// is_bytes returns true when a frame of this kind carries stream bytes. All other kinds carry an
// event.
inline bool is_bytes(FrameKind kind) { return static_cast<uint16_t>(kind) <= 5; }
// is_input returns true when a frame of this kind is committed to by the key of typed input.
inline bool is_input(FrameKind kind) {
  return kind == FrameKind::kIn || kind == FrameKind::kSecretIn || kind == FrameKind::kSecretOut;
}
// kind_name returns the name used in SQL, JSON and documents: "in", "session_open" and so on, and
// "kind N" for a number that is not known.
std::string kind_name(FrameKind kind);
// searched_fields returns the fields of a kind whose values, joined by spaces, are the text that
// search looks at: their names, separated by spaces.
std::string_view searched_fields(FrameKind kind);

}  // namespace gatetape
