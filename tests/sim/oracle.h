// Oracle: what must hold after every step, kept beside the units under test from what the harness
// itself saw: what was offered, which rows the store holds, what the store told, and what reached a
// peer. The first violation ends the run (World::violate). Invariants: docs/ARCHITECTURE.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/frame.h"
#include "proto/head.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

enum class Direction { kToTarget, kToUser };
// direction_of tells to whom a released frame of this kind is passed on.
Direction direction_of(FrameKind kind);

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
  // on_dropped: a released frame was not passed, because the peer had closed the channel.
  void on_dropped(uint64_t session, Path path);
  // on_waiting: the oldest frame has waited this long and the session goes on.
  void on_waiting(uint64_t session, int64_t waiting_ns, int64_t freeze_ns);
  // on_over: the session offers nothing more; in order when its peers left by themselves.
  void on_over(uint64_t session, bool in_order);
  void on_closed(uint64_t session);
  void on_refused(uint64_t session, const std::string& why);

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
  bool find(const Subject& one, Path path, Cursor* cursor) const;

  World* const world_;
  std::vector<Subject> subjects_;
  std::map<SessionId, uint64_t> numbers_;
};

}  // namespace gatetape::sim
