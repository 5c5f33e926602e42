// clang-format off
// Oracle: checks what must hold after every step. It keeps its own account, apart from the units
// under test: what the peers sent, what was offered, which rows the store holds, what the store
// answered, and what reached a peer. The first violation ends the run (World::violate) and names
// its rule:
//
//   I1      Only durable frames are passed on, in order and completely, and only in
//           sessions that the gateway's own session names.
//   I2      What a peer sent is offered, and what was offered is stored, without any change.
//   I3      A session has one writer: no frame is missing, and none is stored twice.
//   I4      A repeated frame with other content is refused, one with equal content is ignored.
//   I5      A frame whose commit is in doubt is not durable.
//   I6      A frozen session ends, a failed store is opened again, nothing passes after the end.
//   I7      Everything that waits has a limit.
//   I8      The signed heads and the verifier are correct.
//   I9      When the faults stop, everything comes to rest.
//   access  What the rules deny never passes, what they grant passes, each load is a frame. After a
//           reload nothing of a revoked session or channel is passed on.
//   log     Heads lists name what opens and closes in its transaction, and what else advances in a
//           second. Their roots are those of the frames, and the numbers of a run have no hole.
//   told    A user whose session is ended learns why in one line; other users see no such line.
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
  bool tell_recorded = false;
};

// Bytes that a session of the simulation may have offered and not durable, in addition to four
// times its window. Above this limit the oracle reports I7.
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

  // add_session starts to check a session and returns its number: 1, 2, 3 ... `window_bytes` limits
  // the bytes that are offered and not durable.
  uint64_t add_session(const SessionId& id, const std::string& commit_key, uint64_t window_bytes);
  uint64_t number_of(const SessionId& id) const { return numbers_.at(id); }
  size_t sessions() const { return subjects_.size(); }

  // What the peers do. on_asked: the user asks for a channel. on_said: a peer sends something on a
  // channel. on_lost: the connection to a peer ends.
  void on_asked(uint64_t session) { subject(session).fidelity.on_asked(); }
  void on_said(uint64_t session, uint32_t channel, Side from, const Said& said) {
    subject(session).fidelity.on_said(channel, from, said);
  }
  void on_lost(uint64_t session, Side side) { subject(session).fidelity.on_lost(side); }
  // on_banner_sent: the target sends a banner.
  void on_banner_sent(uint64_t session, const std::string& text) {
    subject(session).fidelity.on_banner_sent(text);
  }

  // What the writer does. on_offered: a frame is offered. on_released: the frames up to `up_to` are
  // released.
  void on_offered(uint64_t session, const Frame& frame);
  void on_released(uint64_t session, uint64_t up_to);
  // What reaches a peer: bytes, a request, or another step. on_session_step: the session continues
  // after its opening, or after its target was reached. on_denial_told: a peer learns of a denial.
  void on_bytes(uint64_t session, Path path, ByteStream stream, std::string_view bytes);
  void on_request(uint64_t session, Path path, const gateway::Request& request);
  void on_step(uint64_t session, Path path, FrameClass what, bool ok);
  void on_session_step(uint64_t session, FrameKind kind);
  // on_banner_shown: the user sees a banner: the line of the user's role first, then the target's.
  void on_banner_shown(uint64_t session, std::string_view text);
  // on_kept: the SSH library of a peer keeps requests of this size because a key exchange is under
  // way.
  void on_kept(uint64_t session, Path path, uint64_t bytes) { subject(session).kept[path] = bytes; }
  // check_memory is called between two events. Requests have no flow control, so that a limit must
  // end a session whose requests one peer does not take: at most `bytes_max` bytes of them may wait
  // in an outbox of the channel, and as many in the SSH library.
  void check_memory(uint64_t session, uint64_t bytes_max);
  void on_denial_told(uint64_t session);
  // on_claim: the frame `seq` of the session `system` names this session.
  void on_claim(uint64_t session, uint64_t system, uint64_t seq);
  // on_answered: a user gets the answer to the question that this frame records.
  void on_answered(uint64_t session, uint64_t seq);
  // on_waiting: the oldest frame has waited for `waiting_ns`, and the session continues.
  void on_waiting(uint64_t session, int64_t waiting_ns, int64_t freeze_ns);
  // on_over: the session offers nothing more. `in_order` is true when its peers left by themselves.
  // on_closed: it has its signed head. on_refused: the recorder refused it.
  void on_over(uint64_t session, bool in_order);
  void on_closed(uint64_t session);
  void on_refused(uint64_t session, const std::string& why);

  // on_load: the access rules were loaded, with or without success. `session` is the system
  // session.
  void on_load(uint64_t session) { subject(session).loads++; }
  // on_opened: a session was opened under these rules. The SSH libraries of its peers hold at most
  // `library_bytes`.
  void on_opened(uint64_t session, const Allowed& allowed, uint64_t library_bytes);
  // on_rules_changed: these rules hold from now on for a session that is open. check_rules_hold is
  // called when the session has taken notice of them: what they do not allow has ended.
  void on_rules_changed(uint64_t session, const Allowed& allowed);
  void check_rules_hold(uint64_t session);
  // on_revocation_told: the user learns that the rules ended the session.
  void on_revocation_told(uint64_t session);
  // on_turned_away: a session was denied under these rules.
  void on_turned_away(uint64_t session, const Allowed& allowed);
  // on_user_left: the user's connection is lost, or the user has disconnected.
  void on_user_left(uint64_t session) { subject(session).user_left = true; }
  // on_farewell: the user is disconnected with this text.
  void on_farewell(uint64_t session, const std::string& line);

  // What the store holds, and what it answered a recorder. on_row: it stored frames. on_head: it
  // stored a head. on_told: it answered that frames up to `last_seq` are stored, and a head or not.
  void on_row(const SessionId& id, uint64_t first_seq, const std::vector<Frame>& frames);
  void on_head(const SessionId& id, uint64_t size);
  void on_told(const SessionId& id, uint64_t last_seq, bool has_head);

  // excuse allows the recorder to refuse this session, because the simulator damaged its record.
  void excuse(uint64_t session) { subject(session).excused = true; }
  bool is_excused(uint64_t session) const { return subjects_[session - 1].excused; }
  // on_forgery: the recorder refused, or not, a frame with other content. on_repeat: it ignored, or
  // not, a repeated frame.
  void on_forgery(uint64_t session, bool refused);
  void on_repeat(uint64_t session, bool ignored);

  // is_complete returns true when a session has its signed head or does not need one.
  bool is_complete(uint64_t session) const;
  uint64_t durable(uint64_t session) const { return subjects_[session - 1].durable; }
  uint64_t offered(uint64_t session) const { return subjects_[session - 1].offered.size(); }
  // check_rest checks the result when the faults have stopped and everything is at rest. Everything
  // offered must be durable and, when the session ended in order, passed on.
  void check_rest();
  // check_nobody_thrown_out checks that no session was ended, because the fault was no reason for
  // it.
  void check_nobody_thrown_out();
  void violate_incomplete(uint64_t session);

 private:
  struct Offered {
    uint32_t channel;
    FrameKind kind;
    std::string payload;
  };
  struct Cursor {
    size_t frame = 0;  // index of the next frame of the path, or of an earlier frame
    size_t byte = 0;   // bytes of that frame that were passed on; for a notice, its parts
  };
  struct Subject {
    SessionId id;
    std::string commit_key;
    uint64_t window_bytes = 0;
    std::vector<Offered> offered;
    uint64_t offered_bytes = 0;
    uint64_t durable = 0;  // frames in rows
    uint64_t durable_bytes = 0;
    uint64_t pending_stream_bytes = 0;  // stream bytes that are offered and not durable
    uint64_t told = 0;                  // frames that the store has answered for
    bool has_head = false;
    bool told_head = false;
    uint64_t released = 0;
    uint64_t claimed_by = 0;  // the system session that names this one, 0 when none does
    uint64_t claim_seq = 0;
    std::map<Path, Cursor> cursors;
    std::map<uint32_t, uint64_t> asked;  // by channel: the last frame whose request was answered
    std::map<Path, uint64_t> waiting;    // bytes of requests that are released and not passed on
    std::map<Path, uint64_t> kept;       // bytes of requests that an SSH library keeps
    int64_t too_much_since_ns = 0;       // 0 = not more than the limit
    Fidelity fidelity;
    uint64_t denials_told = 0;
    size_t banners_shown = 0;  // of the target
    bool told_recorded = false;
    uint64_t library_bytes = 0;
    uint64_t loads = 0;
    uint64_t load_frames = 0;
    bool is_users = false;  // false for a system session
    Allowed allowed;
    std::map<uint32_t, std::string> programs;  // that were asked for, by channel
    std::map<uint32_t, size_t> cut;            // revoked channels: frames offered before
    std::map<Path, bool> told_close;
    int64_t revoked_at_ns = 0;
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
  void check_claim(uint64_t session);
  void check_number(const Subject& stored);
  // next returns the next offered frame of a path. It reports a violation when that frame is not
  // durable, when the store has not answered for it, or when the session has ended.
  const Offered& next(uint64_t session, Path path, Cursor** cursor);
  // skip accepts that a frame did not reach a peer that reads nothing any more. It reports a
  // violation when the peer does read.
  void skip(uint64_t session, Path path, Cursor* cursor, const char* got);
  bool pass_bytes(const Offered& offered, Cursor* cursor, ByteStream stream,
                  std::string_view* bytes);
  // is_withheld returns true for a frame that never passes, because its channel was revoked when
  // it was offered already.
  static bool is_withheld(const Subject& one, size_t frame);
  void check_offered_after_cut(uint64_t session, const Frame& frame);
  static bool allows(const Allowed& allowed, std::string_view program);
  bool find(const Subject& one, Path path, Cursor* cursor) const;
  // asks_next returns the next frame of a channel whose request the user wants answered, or
  // nullptr.
  const Offered* asks_next(uint64_t session, uint32_t channel);
  // takes_failure checks the answer to the user's oldest unanswered request of a channel. It
  // returns true when that request was denied without a notice, so that no other frame is its
  // answer.
  bool takes_failure(uint64_t session, uint32_t channel, bool ok);
  // is_quiet returns true when a request was denied that fails without a notice.
  static bool is_quiet(const Subject& one, const Offered& denied);
  // is_program returns true for a request that starts the one program of a channel.
  static bool is_program(std::string_view request);
  // runs_program returns true when a request for a program may pass, or has passed, on a channel.
  static bool runs_program(const Subject& one, uint32_t channel);
  // leave accounts for a request that no longer waits in an outbox.
  static void leave(Subject* one, Path path, const Offered& offered);

  World* const world_;
  std::vector<Subject> subjects_;
  std::map<SessionId, uint64_t> numbers_;
};

}  // namespace gatetape::sim
