// clang-format off
// Oracle: what must hold after every step, kept beside the units under test from what the harness
// itself saw: what the peers said, what was offered, which rows the store holds, what the store
// told, and what reached a peer. The first violation ends the run (World::violate) and is named:
//
//   I1      only what is durable passes, in order and whole
//   I2      what a peer said is what is offered, and what was offered is what is stored
//   I3      one writer: no hole, and no row twice
//   I4      other content is refused, a repeat is ignored
//   I5      what is in doubt is not durable
//   I6      a frozen session ends, a failed store is opened again, nothing passes after the end
//   I7      what waits is bounded
//   I8      the signed heads and the verifier are right
//   I9      when the faults stop, everything comes to rest
//   access  what the rules deny never passes, what they grant goes on, each load is a frame
//   told    a user whose session is ended is told why in one line; others are told nothing
// clang-format on
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "record/frame.h"
#include "record/head.h"
#include "tests/sim/fidelity.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

// Allowed is what the access rules allow the user of the simulation at one time.
struct Allowed {
  bool login = true;
  bool shell = true;
  bool exec = true;
  bool sftp = true;
};

// kForcedBytesMax bounds, with four times the window, what a session of the simulation offers and
// is not durable.
constexpr uint64_t kForcedBytesMax = 16384;

class Oracle {
 public:
  // Path is one direction of one channel.
  struct Path {
    Route route;
    uint32_t channel;
    auto operator<=>(const Path&) const = default;
  };

  explicit Oracle(World* world) : world_(world) {}

  // add_session names a session 1, 2, 3 ...; `window_bytes` bounds what is offered and not durable.
  uint64_t add_session(const SessionId& id, const std::string& commit_key, uint64_t window_bytes);
  uint64_t number_of(const SessionId& id) const { return numbers_.at(id); }
  size_t sessions() const { return subjects_.size(); }

  // What the peers do: on_asked asks for a channel, on_said sends something on one, on_lost ends
  // a connection.
  void on_asked(uint64_t session) { subject(session).fidelity.on_asked(); }
  void on_said(uint64_t session, uint32_t channel, Side from, const Said& said) {
    subject(session).fidelity.on_said(channel, from, said);
  }
  void on_lost(uint64_t session, Side side) { subject(session).fidelity.on_lost(side); }

  // What the writer does. on_released: frames up to this one may pass.
  void on_offered(uint64_t session, const Frame& frame);
  void on_released(uint64_t session, uint64_t up_to);
  // What reaches a peer: bytes, a request, another step. on_session_step: the session goes on after
  // its opening, or after its target was reached. on_denial_told: somebody learns of a denial.
  void on_bytes(uint64_t session, Path path, ByteStream stream, std::string_view bytes);
  void on_request(uint64_t session, Path path, const gateway::Request& request);
  void on_step(uint64_t session, Path path, FrameClass what, bool ok);
  void on_session_step(uint64_t session, FrameKind kind);
  void on_denial_told(uint64_t session);
  // on_answered: a user gets the answer to the question that this frame records.
  void on_answered(uint64_t session, uint64_t seq);
  // on_waiting: the oldest frame has waited this long and the session goes on.
  void on_waiting(uint64_t session, int64_t waiting_ns, int64_t freeze_ns);
  // on_over: the session offers nothing more; in order when its peers left by themselves.
  void on_over(uint64_t session, bool in_order);
  void on_closed(uint64_t session);
  void on_refused(uint64_t session, const std::string& why);

  // on_load: the access rules were read, well or not; the session is the daemon's own.
  void on_load(uint64_t session) { subject(session).loads++; }
  // on_opened: a session was opened while the rules were these; they are its own to the end. Its
  // peers' SSH libraries hold so many bytes at most.
  void on_opened(uint64_t session, const Allowed& allowed, uint64_t library_bytes);
  // on_turned_away: nobody got a session while the rules were these.
  void on_turned_away(uint64_t session, const Allowed& allowed);
  // on_user_left: the user's connection is gone, or the user is done.
  void on_user_left(uint64_t session) { subject(session).user_left = true; }
  // on_farewell: the user is disconnected with this text.
  void on_farewell(uint64_t session, const std::string& line);

  // What the store holds, and what it told a recorder.
  void on_row(const SessionId& id, uint64_t first_seq, const std::vector<Frame>& frames);
  void on_head(const SessionId& id, uint64_t size);
  void on_told(const SessionId& id, uint64_t last_seq, bool has_head);

  // excuse: this session's record was sabotaged; it may be refused.
  void excuse(uint64_t session) { subject(session).excused = true; }
  bool is_excused(uint64_t session) const { return subjects_[session - 1].excused; }
  // on_forgery, on_repeat: what the recorder made of a frame that came with other content, or
  // twice.
  void on_forgery(uint64_t session, bool refused);
  void on_repeat(uint64_t session, bool ignored);

  // is_settled tells whether a session has its signed head, or may be without one.
  bool is_settled(uint64_t session) const;
  uint64_t offered(uint64_t session) const { return subjects_[session - 1].offered.size(); }
  // check_rest: faults have stopped and everything came to rest: everything offered must be
  // durable, and passed on when the session ended in order.
  void check_rest();
  // check_nobody_thrown_out: what went wrong was no reason to end a session.
  void check_nobody_thrown_out();
  void unsettled(uint64_t session);

 private:
  struct Offered {
    uint32_t channel;
    FrameKind kind;
    std::string payload;
  };
  struct Cursor {
    size_t frame = 0;  // index of the next frame of the path, or one before it
    size_t byte = 0;   // of that frame, passed; of a notice: its parts
  };
  struct Subject {
    SessionId id;
    std::string commit_key;
    uint64_t window_bytes = 0;
    std::vector<Offered> offered;
    uint64_t offered_bytes = 0;
    uint64_t durable = 0;  // frames in rows
    uint64_t durable_bytes = 0;
    uint64_t told = 0;  // frames of which the store told
    bool has_head = false;
    bool told_head = false;
    uint64_t released = 0;
    std::map<Path, Cursor> cursors;
    Fidelity fidelity;
    uint64_t denials_told = 0;
    uint64_t library_bytes = 0;
    uint64_t loads = 0;
    uint64_t load_frames = 0;
    bool is_users = false;  // not a daemon's own
    Allowed allowed;
    bool user_left = false;
    std::string farewell;
    bool excused = false;
    bool over = false;
    bool in_order = false;
    bool closed = false;
    bool refused = false;
  };

  Subject& subject(uint64_t session) { return subjects_[session - 1]; }
  [[noreturn]] void violate(const char* oracle, uint64_t session, const std::string& text);
  void check_pending(uint64_t session, FrameKind kind);
  // next returns the next frame of a path that was offered; it fails when that is not durable, not
  // told, or behind the end of its session.
  const Offered& next(uint64_t session, Path path, Cursor** cursor);
  // skip passes over a frame that did not reach a peer who listens to nothing more; it fails when
  // the peer does listen.
  void skip(uint64_t session, Path path, Cursor* cursor, const char* got);
  bool pass_bytes(const Offered& offered, Cursor* cursor, ByteStream stream,
                  std::string_view* bytes);
  static bool allows(const Allowed& allowed, std::string_view program);
  bool find(const Subject& one, Path path, Cursor* cursor) const;

  World* const world_;
  std::vector<Subject> subjects_;
  std::map<SessionId, uint64_t> numbers_;
};

}  // namespace gatetape::sim
