#include "tests/sim/oracle.h"

#include <algorithm>

#include "base/bytes.h"
#include "record/event.h"

namespace gatetape::sim {
namespace {

std::string text(uint64_t number) { return std::to_string(number); }

Side receiver(Route route) { return route == Route::kToTarget ? Side::kTarget : Side::kUser; }

// counted returns what a request counts in the limits of a channel.
uint64_t counted(std::string_view payload) { return payload.size() + kFrameOverheadBytes; }

std::string field(std::string_view payload, std::string_view key) {
  return std::string(Event::decode(payload)->get(key));
}

}  // namespace

uint64_t Oracle::add_session(const SessionId& id, const std::string& commit_key,
                             uint64_t window_bytes) {
  Subject& one = subjects_.emplace_back();
  one.id = id;
  one.commit_key = commit_key;
  one.window_bytes = window_bytes;
  return numbers_[id] = subjects_.size();
}

void Oracle::violate(const char* oracle, uint64_t session, const std::string& text) {
  world_->violate(oracle, "session " + std::to_string(session) + ": " + text);
}

// Requests that the SSH library held behind stream bytes are taken together with these bytes, so
// that the limit of stream bytes does not count requests.
void Oracle::check_pending(uint64_t session, FrameKind kind) {
  const Subject& one = subject(session);
  const uint64_t pending = one.offered_bytes - one.durable_bytes;
  const uint64_t stream = one.pending_stream_bytes;
  if (is_bytes(kind) && stream >= one.window_bytes + one.library_bytes)
    violate("I7", session, "bytes are accepted while " + text(stream) + " wait for a commit");
  if (pending > 4 * one.window_bytes + kForcedBytesMax + one.library_bytes)
    violate("I7", session, "requests are accepted while " + text(pending) + " bytes wait");
}

void Oracle::on_offered(uint64_t session, const Frame& frame) {
  Subject& one = subject(session);
  if (one.over) violate("I2", session, "a frame is offered after the end");
  check_pending(session, frame.kind);
  if (one.is_users)
    if (const char* fault = one.fidelity.check(frame); fault != nullptr)
      violate("I2", session, std::string(kind_name(frame.kind)) + ": " + fault);
  if (frame.kind == FrameKind::kAccessLoad) one.load_frames++;
  if (one.is_users) check_offered_after_cut(session, frame);
  if (frame.kind == FrameKind::kDenied && field(frame.payload, "what") == "request" &&
      field(frame.payload, "length").empty() && allows(one.allowed, field(frame.payload, "name")) &&
      !(is_program(field(frame.payload, "name")) && runs_program(one, frame.channel)))
    violate("access", session,
            "the request " + field(frame.payload, "name") + " is denied, and the rules allow it");
  one.offered.push_back({frame.channel, frame.kind, frame.payload});
  one.offered_bytes += frame.payload.size();
  if (is_bytes(frame.kind)) one.pending_stream_bytes += frame.payload.size();
  world_->note("offered", session, one.offered.size(), static_cast<uint64_t>(frame.kind));
}

void Oracle::on_released(uint64_t session, uint64_t up_to) {
  Subject& one = subject(session);
  if (up_to < one.released) violate("I1", session, "fewer frames are released than before");
  if (up_to > one.durable)
    violate("I1", session, "frame " + text(up_to) + " is released before it is durable");
  if (up_to > one.told)
    violate("I5", session, "frame " + text(up_to) + " is released while its commit is in doubt");
  if (up_to > one.released && one.is_users && !one.over) check_claim(session);
  if (up_to > one.released) world_->note("released", session, up_to, one.durable);
  for (; one.released < up_to; one.released++) {
    const Offered& offered = one.offered[one.released];
    if (is_withheld(one, one.released)) continue;
    if (class_of(offered.kind) == FrameClass::kRequest)
      one.waiting[{route_of(offered.kind), offered.channel}] += counted(offered.payload);
  }
}

void Oracle::leave(Subject* one, Path path, const Offered& offered) {
  if (class_of(offered.kind) == FrameClass::kRequest)
    one->waiting[path] -= counted(offered.payload);
}

// A core that exceeds the limit ends the session when it is serviced next, which is within a
// millisecond.
void Oracle::check_memory(uint64_t session, uint64_t bytes_max) {
  Subject& one = subject(session);
  bool too_much = false;
  for (const std::map<Path, uint64_t>* bytes : {&one.waiting, &one.kept})
    for (const auto& [path, count] : *bytes)
      too_much = too_much ||
                 (count > bytes_max && !one.fidelity.is_deaf(path.channel, receiver(path.route)));
  if (!too_much || one.over) {
    one.too_much_since_ns = 0;
  } else if (one.too_much_since_ns == 0) {
    one.too_much_since_ns = world_->now_ns();
  } else if (world_->now_ns() - one.too_much_since_ns > kMs) {
    violate("I7", session, "over " + text(bytes_max) + " bytes of requests wait for one peer");
  }
}

bool Oracle::find(const Subject& one, Path path, Cursor* cursor) const {
  for (; cursor->frame < one.offered.size(); *cursor = {cursor->frame + 1, 0}) {
    const Offered& offered = one.offered[cursor->frame];
    if (offered.channel == path.channel && route_of(offered.kind) == path.route &&
        class_of(offered.kind) != FrameClass::kDenial && !is_withheld(one, cursor->frame))
      return true;
  }
  return false;
}

const Oracle::Offered& Oracle::next(uint64_t session, Path path, Cursor** cursor) {
  Subject& one = subject(session);
  if (one.over) violate("I6", session, "something is passed on after the end of the session");
  *cursor = &one.cursors[path];
  if (!find(one, path, *cursor)) violate("I1", session, "more is passed on than was offered");
  const uint64_t seq = (*cursor)->frame + 1;
  if (seq > one.durable)
    violate("I1", session, "frame " + text(seq) + " is passed on before it is durable");
  if (seq > one.told)
    violate("I5", session, "frame " + text(seq) + " is passed on while its commit is in doubt");
  return one.offered[(*cursor)->frame];
}

void Oracle::skip(uint64_t session, Path path, Cursor* cursor, const char* got) {
  Subject& one = subject(session);
  const Side side = receiver(path.route);
  // A user who has closed the channel still gets the exit status: stock ssh closes at EOF.
  const bool still_passes = path.route == Route::kToUser && !one.fidelity.is_lost(side) &&
                            class_of(one.offered[cursor->frame].kind) == FrameClass::kRequest;
  if (still_passes || !one.fidelity.is_deaf(path.channel, side))
    violate("I1", session, std::string(got) + " instead of frame " + text(cursor->frame + 1));
  leave(&one, path, one.offered[cursor->frame]);
  *cursor = {cursor->frame + 1, 0};
}

// pass_bytes removes the bytes of one frame from what the peer received. It returns false when the
// bytes are not those of this frame.
bool Oracle::pass_bytes(const Offered& offered, Cursor* cursor, ByteStream stream,
                        std::string_view* bytes) {
  const bool is_notice = offered.kind == FrameKind::kNotice;
  const FrameKind err = is_notice ? FrameKind::kNotice : FrameKind::kErr;
  if ((offered.kind == err) != (stream == ByteStream::kStderr) ||
      (!is_notice && !is_bytes(offered.kind)))
    return false;
  const std::string whole = is_notice ? field(offered.payload, "text") : offered.payload;
  const std::string_view rest = std::string_view(whole).substr(is_notice ? 0 : cursor->byte);
  const size_t count = std::min(rest.size(), bytes->size());
  if (rest.substr(0, count) != bytes->substr(0, count)) return false;
  bytes->remove_prefix(count);
  cursor->byte += count;
  const bool ends = is_notice ? field(offered.payload, "exit_status").empty()
                              : cursor->byte == offered.payload.size();
  if (ends) *cursor = {cursor->frame + 1, 0};
  return true;
}

void Oracle::on_bytes(uint64_t session, Path path, ByteStream stream, std::string_view bytes) {
  while (!bytes.empty()) {
    Cursor* cursor = nullptr;
    const Offered& offered = next(session, path, &cursor);
    if (!pass_bytes(offered, cursor, stream, &bytes))
      skip(session, path, cursor, "other bytes are passed on");
  }
}

void Oracle::on_request(uint64_t session, Path path, const gateway::Request& request) {
  for (;;) {
    Cursor* cursor = nullptr;
    const Offered& offered = next(session, path, &cursor);
    const bool is_request = class_of(offered.kind) == FrameClass::kRequest &&
                            field(offered.payload, "request") == request.name &&
                            field(offered.payload, "data") == request.data;
    const bool is_status = offered.kind == FrameKind::kNotice && request.name == "exit-status";
    if (!is_request && !is_status) {
      skip(session, path, cursor, "another request is passed on");
      continue;
    }
    if (path.route == Route::kToTarget && !allows(subject(session).allowed, request.name))
      violate("access", session, request.name + " is passed on, and the rules deny it");
    leave(&subject(session), path, offered);
    *cursor = {cursor->frame + 1, 0};
    return;
  }
}

void Oracle::on_step(uint64_t session, Path path, FrameClass what, bool ok) {
  if (what == FrameClass::kReply && takes_failure(session, path.channel, ok)) return;
  for (;;) {
    Cursor* cursor = nullptr;
    const Offered& offered = next(session, path, &cursor);
    const bool answers = what == FrameClass::kReply || what == FrameClass::kOpenReply;
    if (what == FrameClass::kReply && offered.kind == FrameKind::kNotice && cursor->byte == 0 &&
        field(offered.payload, "want_reply") == "1" &&
        ok != field(offered.payload, "exit_status").empty()) {
      cursor->byte = 1;
      return;
    }
    if (class_of(offered.kind) == what &&
        (!answers || ok == (field(offered.payload, "ok") == "1"))) {
      *cursor = {cursor->frame + 1, 0};
      if (what == FrameClass::kClose) subject(session).told_close[path] = true;
      // Nobody listens on a channel that was refused.
      if (what == FrameClass::kOpenReply && !ok)
        subject(session).fidelity.on_said(path.channel, Side::kUser, {.what = FrameClass::kClose});
      return;
    }
    skip(session, path, cursor, "another step is passed on");
  }
}

void Oracle::on_opened(uint64_t session, const Allowed& allowed, uint64_t library_bytes) {
  if (!allowed.login) violate("access", session, "the session is opened, and the rules deny it");
  subject(session).is_users = true;
  subject(session).allowed = allowed;
  subject(session).library_bytes = library_bytes;
}

void Oracle::on_turned_away(uint64_t session, const Allowed& allowed) {
  if (allowed.login) violate("access", session, "a session is denied, and the rules allow it");
}

bool Oracle::allows(const Allowed& allowed, std::string_view program) {
  if (program == "x11-req" || program == "auth-agent-req@openssh.com") return false;
  if (program == "shell") return allowed.shell;
  if (program == "exec") return allowed.exec;
  return program != "subsystem" || allowed.sftp;
}

void Oracle::on_farewell(uint64_t session, const std::string& line) {
  Subject& one = subject(session);
  world_->note("told", session);
  if (!one.over && !one.refused)
    violate("told", session, "the session continues, and its user reads: " + line);
  if (one.user_left) violate("told", session, "the user has left, and is sent: " + line);
  if (!one.farewell.empty()) violate("told", session, "the user reads a second line: " + line);
  if (!line.starts_with("gatetape: ") || line.size() < 20 || line != printable(line))
    violate("told", session, "the reason is not one clear line: " + line);
  one.farewell = line;
}

void Oracle::on_waiting(uint64_t session, int64_t waiting_ns, int64_t freeze_ns) {
  if (waiting_ns > freeze_ns + 3 * kS)
    violate("I6", session,
            "a frozen session continues after " + std::to_string(waiting_ns) + " ns");
}

void Oracle::on_over(uint64_t session, bool in_order) {
  world_->note("over", session, in_order ? 1 : 0);
  subject(session).over = true;
  subject(session).in_order = in_order;
}

void Oracle::on_closed(uint64_t session) {
  Subject& one = subject(session);
  world_->note("closed", session);
  if (!one.told_head)
    violate("I8", session, "the session is closed, and the store has not answered for a head");
  if (one.released != one.offered.size())
    violate("I9", session,
            "the session is closed, and frame " + text(one.released + 1) + " was never released");
  one.closed = true;
}

void Oracle::on_refused(uint64_t session, const std::string& why) {
  world_->note("refused", session);
  if (!is_excused(session)) violate("I9", session, "the recorder refused the session: " + why);
  subject(session).refused = true;
}

void Oracle::on_row(const SessionId& id, uint64_t first_seq, const std::vector<Frame>& frames) {
  const uint64_t session = number_of(id);
  Subject& one = subject(session);
  world_->note("stored", session, first_seq, first_seq + frames.size() - 1);
  if (first_seq != one.durable + 1)
    violate("I3", session,
            "frame " + text(first_seq) + " is stored after frame " + text(one.durable));
  if (one.has_head) violate("I3", session, "frames are stored after the signed head");
  for (const Frame& frame : frames) {
    if (one.durable == one.offered.size())
      violate("I2", session, "a frame is stored that was not offered");
    const Offered& offered = one.offered[one.durable++];
    if (frame.payload != offered.payload || frame.kind != offered.kind ||
        frame.channel != offered.channel)
      violate("I2", session, "frame " + text(frame.seq) + " is stored with other content");
    one.durable_bytes += frame.payload.size();
    if (is_bytes(frame.kind)) one.pending_stream_bytes -= frame.payload.size();
  }
  if (first_seq == 1) check_number(one);
}

void Oracle::on_head(const SessionId& id, uint64_t size) {
  const uint64_t session = number_of(id);
  world_->note("head stored", session, size);
  if (size != subject(session).durable)
    violate(
        "I8", session,
        "the head of " + text(size) + " frames is stored over " + text(subject(session).durable));
  subject(session).has_head = true;
}

void Oracle::on_told(const SessionId& id, uint64_t last_seq, bool has_head) {
  Subject& one = subject(number_of(id));
  one.told = std::max(one.told, last_seq);
  one.told_head = one.told_head || has_head;
}

void Oracle::on_forgery(uint64_t session, bool refused) {
  world_->note("frame with other content", session, refused ? 1 : 0);
  if (!refused) violate("I4", session, "a frame with other content was not refused");
}

void Oracle::on_repeat(uint64_t session, bool ignored) {
  world_->note("repeated frame", session, ignored ? 1 : 0);
  if (!ignored) violate("I4", session, "a repeated frame with equal content was not ignored");
}

bool Oracle::is_complete(uint64_t session) const {
  const Subject& one = subjects_[session - 1];
  return one.closed || one.refused;
}

void Oracle::violate_incomplete(uint64_t session) {
  const Subject& one = subject(session);
  violate("I9", session,
          "the session has no signed head: offered " + text(one.offered.size()) + ", durable " +
              text(one.durable) + ", released " + text(one.released) +
              (one.over ? ", over" : ", not over"));
}

void Oracle::check_nobody_thrown_out() {
  for (uint64_t session = 1; session <= subjects_.size(); session++)
    if (const std::string& line = subject(session).farewell; !line.empty())
      violate("told", session, "a wrong clock ended the session: " + line);
}

void Oracle::check_rest() {
  for (uint64_t session = 1; session <= subjects_.size(); session++) {
    Subject& one = subject(session);
    if (!is_complete(session)) violate_incomplete(session);
    if (one.is_users && !one.user_left && one.farewell.empty())
      violate("told", session, "the session was ended, and its user did not learn why");
    if (one.loads != one.load_frames)
      violate("access", session,
              text(one.loads) + " loads of the rules are " + text(one.load_frames) + " frames");
    if (one.refused) continue;
    if (one.durable != one.offered.size())
      violate(
          "I9", session,
          "only " + text(one.durable) + " frames of " + text(one.offered.size()) + " are durable");
    if (!one.in_order) continue;
    for (const Offered& offered : one.offered) {
      if (offered.channel == 0) continue;
      const Path path{route_of(offered.kind), offered.channel};
      if (!one.fidelity.is_deaf(path.channel, receiver(path.route)) &&
          find(one, path, &one.cursors[path]))
        violate("I9", session, "frame " + text(one.cursors[path].frame + 1) + " never arrived");
    }
  }
}

}  // namespace gatetape::sim
