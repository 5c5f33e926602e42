// FrameKind: what a frame is, and the facts that hold for every frame of a kind (docs/FORMAT.md
// section 2). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatetape {

// FrameKind is the number `kind` of docs/FORMAT.md section 2. record/frame_kinds.def lists the
// kinds with their facts. No switch over FrameKind has a `default`, so that the compiler names each
// place that must handle a new kind.
enum class FrameKind : uint16_t {
#define KIND(id, number, ...) id = (number),
#define RESERVED(id, number, ...) id = (number),
#include "record/frame_kinds.def"
#undef KIND
#undef RESERVED
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
// opens_session returns true for the kind of the first frame of a session.
inline bool opens_session(FrameKind kind) {
  return kind == FrameKind::kSessionOpen || kind == FrameKind::kStart;
}
// ends_session returns true for the kind of the last frame of a session that ended in order.
inline bool ends_session(FrameKind kind) {
  return kind == FrameKind::kSessionEnd || kind == FrameKind::kStop;
}
// kind_name returns the name used in SQL, JSON and documents: "in", "session_open" and so on, and
// "kind N" for a number that is not known.
std::string kind_name(FrameKind kind);
// searched_fields returns the fields of a kind whose values, joined by spaces, are the text that
// search looks at: their names, separated by spaces.
std::string_view searched_fields(FrameKind kind);

}  // namespace gatetape
