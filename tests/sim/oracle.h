// Oracle: what must hold after every step, kept beside the units under test from what the harness
// itself saw: what was offered, which rows the store holds, what the store told, and what reached a
// peer. The first violation ends the run (World::violate), which names what was broken:
//   I1 only what is durable passes, in order, whole    I2 what was offered is stored, nothing else
//   I3 one writer: no hole, no row twice               I4 other content is refused, a repeat
//   ignored I5 in doubt is not durable                         I6 frozen sessions end, a failed
//   store reopens I7 what waits is bounded                           I8 heads and the verifier are
//   right I9 when the faults stop everything comes to rest access: what the rules refused never
//   passes, what they granted goes on, each load is a frame told: who is thrown out is told why in
//   one line, who goes on or left is told nothing
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "record/frame.h"
#include "record/head.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

enum class Direction { kToTarget, kToUser };
// direction_of tells to whom a released frame of this kind is passed on.
Direction direction_of(FrameKind kind);

// Allowed is what the access rules allow the user of the simulation at one time.
struct Allowed {
  bool login = true;
  bool shell = true;
  bool exec = true;
  bool sftp = true;
};

class Oracle {
 public:
  // Path is one direction of one channel.
  struct Path {
    Direction direction;
    uint32_t channel;
    auto operator<=>(const Path&) const = default;
  };

  explicit Oracle(World* world) : world_(world) {}

  // add_session names a session 1, 2, 3 ...; `window_bytes` bounds what is offered and not durable.
  uint64_t add_session(const SessionId& id, const std::string& commit_key, uint64_t window_bytes);
  uint64_t number_of(const SessionId& id) const { return numbers_.at(id); }
  size_t sessions() const { return subjects_.size(); }

  // What the writer does.
  void on_offered(uint64_t session, uint32_t channel, FrameKind kind, std::string_view payload);
  void on_released(uint64_t session, const Frame& frame);
  // on_bytes: a peer took these bytes; on_step: a peer was told this step.
  void on_bytes(uint64_t session, Path path, FrameKind kind, std::string_view bytes);
  void on_step(uint64_t session, Path path, const Frame& frame);
  // on_dropped: a released frame was not passed: the peer had closed the channel, or it is a
  // refusal.
  void on_dropped(uint64_t session, Path path);
  // on_waiting: the oldest frame has waited this long and the session goes on.
  void on_waiting(uint64_t session, int64_t waiting_ns, int64_t freeze_ns);
  // on_over: the session offers nothing more; in order when its peers left by themselves.
  void on_over(uint64_t session, bool in_order);
  void on_closed(uint64_t session);
  void on_refused(uint64_t session, const std::string& why);

  // on_load: the access rules were read, well or not; the session is the daemon's own.
  void on_load(uint64_t session) { subject(session).loads++; }
  // on_opened: a session was opened while the rules were these; they are its own to the end.
  void on_opened(uint64_t session, const Allowed& allowed);
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
    size_t byte = 0;   // of that frame, passed
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
  // next gives the next frame of a path that was offered; fails when it is not durable or not told.
  const Offered& next(uint64_t session, Path path, Cursor** cursor);
  static bool allows(const Allowed& allowed, std::string_view payload);
  bool find(const Subject& one, Path path, Cursor* cursor) const;

  World* const world_;
  std::vector<Subject> subjects_;
  std::map<SessionId, uint64_t> numbers_;
};

}  // namespace gatetape::sim
