#include "tests/sim/oracle.h"

#include <algorithm>

#include "base/bytes.h"
#include "record/event.h"

namespace gatetape::sim {
namespace {

std::string text(uint64_t number) { return std::to_string(number); }

}  // namespace

Direction direction_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::kIn:
    case FrameKind::kChannelOpen:
    case FrameKind::kRequestIn:
    case FrameKind::kDenied:
    case FrameKind::kEofIn:
    case FrameKind::kCloseIn:
      return Direction::kToTarget;
    default:
      return Direction::kToUser;
  }
}

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

void Oracle::on_offered(uint64_t session, uint32_t channel, FrameKind kind,
                        std::string_view payload) {
  Subject& one = subject(session);
  if (one.over) violate("I2", session, "a frame is offered behind the end");
  const uint64_t pending = one.offered_bytes - one.durable_bytes;
  if (is_bytes(kind) && pending >= one.window_bytes)
    violate("I7", session, "bytes are taken while " + text(pending) + " wait for a commit");
  if (pending > 4 * one.window_bytes + 4096)
    violate("I7", session, "requests are taken while " + text(pending) + " bytes wait");
  if (kind == FrameKind::kAccessLoad) one.load_frames++;
  if (kind == FrameKind::kDenied && allows(one.allowed, payload))
    violate("access", session, "what its rules allow is denied");
  one.offered.push_back({channel, kind, std::string(payload)});
  one.offered_bytes += payload.size();
  world_->note("offered", session, one.offered.size(), static_cast<uint64_t>(kind));
}

void Oracle::on_released(uint64_t session, const Frame& frame) {
  Subject& one = subject(session);
  world_->note("released", session, frame.seq, one.durable);
  if (frame.seq != one.released + 1)
    violate("I1", session, "frame " + text(frame.seq) + " is released after " + text(one.released));
  one.released++;
  if (frame.seq > one.durable)
    violate("I1", session, "frame " + text(frame.seq) + " is released before it is durable");
  if (frame.seq > one.told)
    violate("I5", session,
            "frame " + text(frame.seq) + " is released while its commit is in doubt");
  const Offered& offered = one.offered[frame.seq - 1];
  if (frame.payload != offered.payload || frame.kind != offered.kind ||
      frame.channel != offered.channel)
    violate("I1", session, "frame " + text(frame.seq) + " is released with other content");
}

bool Oracle::find(const Subject& one, Path path, Cursor* cursor) const {
  for (; cursor->frame < one.offered.size(); cursor->frame++) {
    const Offered& offered = one.offered[cursor->frame];
    if (offered.channel == path.channel && direction_of(offered.kind) == path.direction)
      return true;
  }
  return false;
}

const Oracle::Offered& Oracle::next(uint64_t session, Path path, Cursor** cursor) {
  Subject& one = subject(session);
  *cursor = &one.cursors[path];
  if (!find(one, path, *cursor)) violate("I1", session, "more is passed on than was offered");
  const uint64_t seq = (*cursor)->frame + 1;
  if (seq > one.durable)
    violate("I1", session, "frame " + text(seq) + " is passed on before it is durable");
  if (seq > one.told)
    violate("I5", session, "frame " + text(seq) + " is passed on while its commit is in doubt");
  return one.offered[(*cursor)->frame];
}

void Oracle::on_bytes(uint64_t session, Path path, FrameKind kind, std::string_view bytes) {
  while (!bytes.empty()) {
    Cursor* cursor = nullptr;
    const Offered& offered = next(session, path, &cursor);
    const std::string_view rest = std::string_view(offered.payload).substr(cursor->byte);
    const size_t count = std::min(rest.size(), bytes.size());
    if (offered.kind != kind || rest.substr(0, count) != bytes.substr(0, count))
      violate("I1", session, "other bytes are passed on than frame " + text(cursor->frame + 1));
    bytes.remove_prefix(count);
    cursor->byte += count;
    if (cursor->byte == offered.payload.size()) *cursor = {cursor->frame + 1, 0};
  }
}

void Oracle::on_step(uint64_t session, Path path, const Frame& frame) {
  Cursor* cursor = nullptr;
  const Offered& offered = next(session, path, &cursor);
  if (frame.kind == FrameKind::kDenied ||
      (frame.kind == FrameKind::kRequestIn && !allows(subject(session).allowed, frame.payload)))
    violate("access", session, "frame " + text(cursor->frame + 1) + " is passed on, and refused");
  if (offered.kind != frame.kind || offered.payload != frame.payload)
    violate("I1", session, "another step is passed on than frame " + text(cursor->frame + 1));
  cursor->frame++;
}

void Oracle::on_dropped(uint64_t session, Path path) {
  Cursor* cursor = nullptr;
  next(session, path, &cursor);
  *cursor = {cursor->frame + 1, 0};
}

void Oracle::on_opened(uint64_t session, const Allowed& allowed) {
  if (!allowed.login) violate("access", session, "it is opened, and the rules refuse it");
  subject(session).is_users = true;
  subject(session).allowed = allowed;
}

bool Oracle::allows(const Allowed& allowed, std::string_view payload) {
  const absl::StatusOr<Event> event = Event::decode(payload);
  const std::string_view name = event->get(event->has("request") ? "request" : "name");
  if (name == "shell") return allowed.shell;
  if (name == "exec") return allowed.exec;
  return name != "subsystem" || allowed.sftp;
}

void Oracle::on_farewell(uint64_t session, const std::string& line) {
  Subject& one = subject(session);
  world_->note("told", session);
  if (!one.over && !one.refused) violate("told", session, "it goes on, and is told: " + line);
  if (one.user_left) violate("told", session, "its user left, and is told: " + line);
  if (!one.farewell.empty()) violate("told", session, "it is told again: " + line);
  if (!line.starts_with("gatetape: ") || line.size() < 20 || line != printable(line))
    violate("told", session, "it is not told in one clear line: " + line);
  one.farewell = line;
}

void Oracle::on_waiting(uint64_t session, int64_t waiting_ns, int64_t freeze_ns) {
  if (waiting_ns > freeze_ns + 3 * kS)
    violate("I6", session, "a frozen session goes on after " + std::to_string(waiting_ns) + " ns");
}

void Oracle::on_over(uint64_t session, bool in_order) {
  world_->note("over", session, in_order ? 1 : 0);
  subject(session).over = true;
  subject(session).in_order = in_order;
}

void Oracle::on_closed(uint64_t session) {
  Subject& one = subject(session);
  world_->note("closed", session);
  if (!one.told_head) violate("I8", session, "it is closed, and the store told of no head");
  if (one.released != one.offered.size())
    violate("I9", session,
            "it is closed, and frame " + text(one.released + 1) + " was never released");
  one.closed = true;
}

void Oracle::on_refused(uint64_t session, const std::string& why) {
  world_->note("refused", session);
  if (!is_excused(session)) violate("I9", session, "its record was refused: " + why);
  subject(session).refused = true;
}

void Oracle::on_row(const SessionId& id, uint64_t first_seq, const std::vector<Frame>& frames) {
  const uint64_t session = number_of(id);
  Subject& one = subject(session);
  world_->note("stored", session, first_seq, first_seq + frames.size() - 1);
  if (first_seq != one.durable + 1)
    violate("I3", session,
            "frame " + text(first_seq) + " is stored after frame " + text(one.durable));
  if (one.has_head) violate("I3", session, "frames are stored behind the signed head");
  for (const Frame& frame : frames) {
    if (one.durable == one.offered.size())
      violate("I2", session, "a frame is stored that was not offered");
    const Offered& offered = one.offered[one.durable++];
    if (frame.payload != offered.payload || frame.kind != offered.kind ||
        frame.channel != offered.channel)
      violate("I2", session, "frame " + text(frame.seq) + " is stored with other content");
    one.durable_bytes += frame.payload.size();
  }
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
  world_->note("other content came", session, refused ? 1 : 0);
  if (!refused) violate("I4", session, "a frame that came with other content was not refused");
}

void Oracle::on_repeat(uint64_t session, bool ignored) {
  world_->note("a repeat came", session, ignored ? 1 : 0);
  if (!ignored) violate("I4", session, "a repeat with equal content was not ignored");
}

bool Oracle::is_settled(uint64_t session) const {
  const Subject& one = subjects_[session - 1];
  return one.closed || one.refused;
}

void Oracle::unsettled(uint64_t session) {
  const Subject& one = subject(session);
  violate("I9", session,
          "it has no signed head: offered " + text(one.offered.size()) + ", durable " +
              text(one.durable) + ", released " + text(one.released) +
              (one.over ? ", over" : ", not over"));
}

void Oracle::check_nobody_thrown_out() {
  for (uint64_t session = 1; session <= subjects_.size(); session++)
    if (const std::string& line = subject(session).farewell; !line.empty())
      violate("told", session, "a wrong clock ended it: " + line);
}

void Oracle::check_rest() {
  for (uint64_t session = 1; session <= subjects_.size(); session++) {
    Subject& one = subject(session);
    if (!is_settled(session)) unsettled(session);
    if (one.is_users && !one.user_left && one.farewell.empty())
      violate("told", session, "it was ended, and its user was told nothing");
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
      const Path path{direction_of(offered.kind), offered.channel};
      if (find(one, path, &one.cursors[path]))
        violate("I9", session, "frame " + text(one.cursors[path].frame + 1) + " never arrived");
    }
  }
}

}  // namespace gatetape::sim
