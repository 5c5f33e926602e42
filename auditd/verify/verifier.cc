#include "auditd/verify/verifier.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "auditd/read/batch_pager.h"
#include "auditd/verify/derived_check.h"
#include "auditd/verify/evidence_reader.h"
#include "base/bytes.h"
#include "base/db/catalogue.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

// Events are compared with their rows when this many have been derived, so that memory does not
// grow with the session.
constexpr size_t kEventsAtOnce = 1000;
// The most sessions that one system session is found to tell of wrongly. Further ones are left out:
// each is a verdict in memory, and a record with so many is beyond repair.
constexpr size_t kBrokenClaimsMax = 10'000;
// A session's last frame is stored shortly before its signed head, and what a gateway does is
// stored shortly before or after its own session tells of it. Within this time, in ns, a difference
// is no finding; 10 s is far above any delay of a recorder that works.
constexpr int64_t kClockSkewAllowanceNs = 10'000'000'000;
constexpr int64_t kNsPerS = 1'000'000'000;

void set_tampered(const Problem& problem, Verdict* verdict) {
  verdict->set_result(Verdict::RESULT_TAMPERED);
  verdict->set_first_bad_seq(problem.seq);
  verdict->set_detail(problem.what);
}

}  // namespace

absl::StatusOr<std::vector<PublicKey>> read_keys(const std::vector<std::string>& paths) {
  std::vector<PublicKey> keys;
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.is_open()) return absl::NotFoundError("cannot read the public key " + path);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    absl::StatusOr<PublicKey> key = PublicKey::from_text(text);
    if (!key.ok()) return absl::InvalidArgumentError(path + ": not one line `ed25519 BASE64`");
    keys.push_back(*std::move(key));
  }
  return keys;
}

absl::StatusOr<std::vector<Verdict>> verify_guards(Db& db) {
  const absl::StatusOr<std::vector<std::string>> deviations = guard_deviations(db);
  if (!deviations.ok()) return deviations.status();
  std::vector<Verdict> verdicts;
  for (const std::string& deviation : *deviations) {
    verdicts.emplace_back();
    set_tampered({0, "a guard of the database differs: " + deviation}, &verdicts.back());
  }
  return verdicts;
}

absl::StatusOr<Verdict> Verifier::verify(const SessionId& session) {
  claims_.clear();
  absl::StatusOr<DbTransaction> snapshot = DbTransaction::begin_snapshot(db_);
  if (!snapshot.ok()) return snapshot.status();
  Verdict verdict;
  verdict.set_session_id(std::string(session.bytes()));
  verdict.set_result(Verdict::RESULT_INTACT);
  const absl::Status read = read_all(session, &verdict);
  if (!read.ok() && !absl::IsDataLoss(read)) return read;
  if (!read.ok()) {
    claims_.clear();  // the session was not judged to its end
    set_tampered({0, absl::StrCat("it cannot be read: ", read.message())}, &verdict);
  }
  return verdict;
}

absl::Status Verifier::read_all(const SessionId& session, Verdict* verdict) {
  LoggedSession logged;
  if (asks_log()) {
    auto lines = LogReader(db_, {*log_, trusted_, checked_}).read(session);
    if (!lines.ok()) return lines.status();
    logged = *std::move(lines);
  }
  auto keys = read_keys(db_, session);
  if (!keys.ok()) return keys.status();
  if (!*keys) return judge_absent(session, logged, verdict);
  const FormatVersion version = (*keys)->version();
  Progress progress{
      session, version,          FrameVerifier(session, **std::move(keys)), {}, 0, {}, {}, {},
      0,       std::move(logged)};
  progress.frames.expect(known_roots(progress.logged));
  const Finding problem = find_problem(&progress, verdict);
  if (!problem.ok()) return problem.status();
  verdict->set_frames(progress.frames.size());
  verdict->set_root(std::string(view(progress.frames.root())));
  if (*problem) set_tampered(**problem, verdict);
  // A gateway may have died before it did what it said last.
  while (!claims_.empty() && progress.ending == std::nullopt &&
         claims_.back().offset_ns + kClockSkewAllowanceNs > progress.last_offset_ns)
    claims_.pop_back();
  return absl::OkStatus();
}

absl::Status Verifier::judge_absent(const SessionId& session, const LoggedSession& logged,
                                    Verdict* verdict) {
  const auto tail = read_tail(db_, session);
  if (!tail.ok()) return tail.status();
  std::optional<Problem> problem = *tail ? std::nullopt : not_stored(logged);
  if (!problem) problem = Problem{0, "its commit key is missing: no payload can be checked"};
  set_tampered(*problem, verdict);
  return absl::OkStatus();
}

std::vector<Verdict> Verifier::take_broken_claims() {
  std::vector<Verdict> verdicts;
  for (BrokenClaim& claim : claims_) verdicts.push_back(std::move(claim.verdict));
  claims_.clear();
  return verdicts;
}

Verifier::Finding Verifier::find_problem(Progress* progress, Verdict* verdict) {
  Finding problem = check_frames(progress);
  if (!problem.ok() || *problem) return problem;
  if (progress->frames.size() == 0)
    return std::optional<Problem>({0, "all its frames are missing"});
  if (auto missing = progress->frames.missing_tail()) return missing;
  problem = check_head_row(progress, verdict);
  if (!problem.ok() || *problem) return problem;
  problem = check_log(*progress, verdict);
  if (!problem.ok() || *problem) return problem;
  return check_rows(progress);
}

Verifier::Finding Verifier::check_frames(Progress* progress) {
  BatchPager pager(progress->session);
  std::vector<Frame> frames;
  while (!pager.at_end()) {
    const auto batches = pager.next(db_);
    if (!batches.ok()) return batches.status();
    for (const StoredBatch& batch : *batches) {
      if (!progress->frames.add(batch, &frames)) return progress->frames.problem();
      for (const Frame& frame : frames)
        if (absl::Status status = take_frame(frame, progress); !status.ok()) return status;
      if (progress->events.size() < kEventsAtOnce) continue;
      Finding problem = compare_events(progress, progress->frames.size());
      if (!problem.ok() || *problem) return problem;
    }
  }
  return std::optional<Problem>();
}

absl::Status Verifier::take_frame(const Frame& frame, Progress* progress) {
  progress->last_offset_ns = frame.offset_ns;
  if (is_bytes(frame.kind)) return absl::OkStatus();
  absl::StatusOr<Event> event = Event::decode(frame.payload);
  if (!event.ok() && !is_known(static_cast<uint16_t>(frame.kind))) event = Event();
  if (!event.ok()) return event.status();
  progress->events.push_back(derive_event(frame, *event, progress->version));
  if (auto channel = derive_channel(frame, *event, progress->version))
    progress->channels.emplace(channel->channel, *channel);
  if (frame.seq == 1) progress->opening = derive_session(frame, *event, progress->version);
  if (frame.kind == FrameKind::kSessionEnd || frame.kind == FrameKind::kStop)
    progress->ending =
        derive_session_end(frame, *event, progress->opening->started_at_ns, progress->version);
  if (frame.kind == FrameKind::kSessionOpened || frame.kind == FrameKind::kSessionClosed)
    return check_claim(frame, *event, progress->session);
  return absl::OkStatus();
}

Verifier::Finding Verifier::compare_events(Progress* progress, uint64_t up_to_seq) {
  EventCheck check(progress->events);
  bool overlaps = false;
  RowRange range{.session = progress->session,
                 .first = progress->events_compared == 0 ? 0 : progress->events_compared + 1,
                 .last = up_to_seq,
                 .page = {}};
  for (bool more = true; more;) {
    range.page = check.next_page();
    range.page.rows_max += overlaps ? 1 : 0;
    const auto rows = read_events(db_, range);
    if (!rows.ok()) return rows.status();
    for (const EventRow& row : *rows) {
      if (std::exchange(overlaps, false) && row.seq == range.first) continue;
      if (static_cast<int64_t>(row.seq) < 1)
        return std::optional<Problem>(
            {0, "an event row before the first frame belongs to no event"});
      if (auto problem = check.add(row)) return problem;
      range.first = row.seq;
    }
    // The next page begins with the last row of this one: a second row like it is not passed over.
    more = rows->size() == range.page.rows_max;
    overlaps = more;
  }
  std::optional<Problem> problem = check.finish();
  progress->events.clear();
  progress->events_compared = up_to_seq;
  return problem;
}

Verifier::Finding Verifier::compare_channels(const Progress& progress) {
  ChannelCheck check(progress.channels);
  bool overlaps = false;
  RowRange range{.session = progress.session, .page = {}};
  for (bool more = true; more;) {
    range.page = check.next_page();
    range.page.rows_max += overlaps ? 1 : 0;
    const auto rows = read_channels(db_, range);
    if (!rows.ok()) return rows.status();
    for (const ChannelRow& row : *rows) {
      if (std::exchange(overlaps, false) && row.channel == range.first) continue;
      if (auto problem = check.add(row)) return problem;
      range.first = row.channel;
    }
    more = rows->size() == range.page.rows_max;
    overlaps = more;
  }
  return check.finish();
}

Verifier::Finding Verifier::check_rows(Progress* progress) {
  const auto session = read_session(db_, progress->session);
  if (!session.ok()) return session.status();
  if (auto problem = check_session(*progress->opening, *session)) return problem;
  const auto ending = read_session_end(db_, progress->session);
  if (!ending.ok()) return ending.status();
  if (auto problem = check_end(progress->ending, *ending)) return problem;
  Finding channels = compare_channels(*progress);
  if (!channels.ok() || *channels) return channels;
  return compare_events(progress, UINT64_MAX);
}

Verifier::Finding Verifier::check_head_row(Progress* progress, Verdict* verdict) {
  const auto head = read_head(db_, progress->session);
  if (!head.ok()) return head.status();
  if (*head) {
    verdict->set_gateway_key_id(PublicKey{(*head)->gateway_key}.id());
    verdict->set_recorder_key_id(PublicKey{(*head)->recorder_key}.id());
    return check_head(progress->session, progress->frames.size(), progress->frames.root(), **head,
                      trusted_);
  }
  if (progress->ending && clock_.wall_ns() - progress->ending->ended_at_ns > kClockSkewAllowanceNs)
    return std::optional<Problem>({0, "it ended, but its signed head is missing"});
  verdict->set_result(Verdict::RESULT_UNSIGNED);
  verdict->set_detail(unsigned_detail(*progress));
  return std::optional<Problem>();
}

std::string Verifier::unsigned_detail(const Progress& progress) const {
  if (progress.ending) return "just closing: no signed head yet";
  const int64_t last_ns = (progress.opening ? progress.opening->started_at_ns : 0) +
                          static_cast<int64_t>(progress.last_offset_ns);
  const bool is_old =
      progress.logged.open && clock_.wall_ns() - last_ns > log_->unterminated_after_s * kNsPerS;
  if (is_old) return "unterminated: it has no end, and no frame since " + format_utc(last_ns);
  return "it has no end, so no signed head";
}

Verifier::Finding Verifier::check_log(const Progress& progress, Verdict* verdict) {
  if (!asks_log()) return std::optional<Problem>();
  const StoredState stored{.session = progress.session,
                           .started_at_ns = progress.opening ? progress.opening->started_at_ns : 0,
                           .frames = progress.frames.size(),
                           .has_head = verdict->result() != Verdict::RESULT_UNSIGNED};
  std::optional<int64_t> began_ns;
  if (!progress.logged.open) {
    const auto began = LogReader(db_, {*log_, trusted_, checked_}).began_ns();
    if (!began.ok()) return began.status();
    began_ns = *began;
  }
  std::optional<Problem> problem = check_logged(progress.logged, stored, began_ns);
  std::vector<std::string> words;
  if (!verdict->detail().empty()) words.push_back(verdict->detail());
  if (!progress.logged.open) words.emplace_back("recorded before the log began");
  if (!progress.logged.note.empty()) words.push_back(progress.logged.note);
  verdict->set_detail(absl::StrJoin(words, "; "));
  return problem;
}

absl::Status Verifier::check_claim(const Frame& frame, const Event& event,
                                   const SessionId& system_session) {
  const absl::StatusOr<SessionId> session = SessionId::from_text(event.get("session"));
  if (!session.ok() || claims_.size() == kBrokenClaimsMax) return absl::OkStatus();
  const auto tail = read_tail(db_, *session);
  if (!tail.ok()) return tail.status();
  const bool closed = frame.kind == FrameKind::kSessionClosed;
  std::string what;
  if (!*tail)
    what = "is not stored";
  else if (closed && ((*tail)->last_seq != event.get_number("size") ||
                      to_hex((*tail)->root) != event.get("root")))
    what = "is stored with another size or root";
  if (what.empty()) return absl::OkStatus();
  BrokenClaim claim{frame.offset_ns, {}};
  claim.verdict.set_session_id(std::string(session->bytes()));
  set_tampered(
      {0, absl::StrCat("it ", what, ", but frame ", frame.seq, " of ", system_session.to_text(),
                       " says it was ", closed ? "closed" : "opened")},
      &claim.verdict);
  claims_.push_back(std::move(claim));
  return absl::OkStatus();
}

}  // namespace gatetape::auditd
