#include "auditd/verify/verify_all.h"

#include <utility>

#include "auditd/verify/contiguity.h"
#include "auditd/verify/evidence_reader.h"
#include "auditd/verify/verifier.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

// Ids of sessions that are read at once.
constexpr size_t kSessionsAtOnce = 500;

Verdict verdict_of(Verdict::Result result, std::string detail) {
  Verdict verdict;
  verdict.set_result(result);
  verdict.set_detail(std::move(detail));
  return verdict;
}

SessionId first_after(const VerifyRange& range) {
  return range.since_ns == 0 ? range.after : std::max(range.after, floor_id(range.since_ns));
}

bool is_within(const SessionId& session, const VerifyRange& range) {
  return range.until_ns == INT64_MAX || session < floor_id(range.until_ns);
}

}  // namespace

absl::Status VerifyAll::run(Emit emit) {
  using Step = absl::Status (VerifyAll::*)(Emit);
  for (const Step step : {&VerifyAll::judge_schema, &VerifyAll::judge_log,
                          &VerifyAll::judge_numbers, &VerifyAll::judge_sessions})
    if (absl::Status status = (this->*step)(emit); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status VerifyAll::emit_all(const std::vector<Verdict>& verdicts, Emit emit) const {
  for (Verdict verdict : verdicts) {
    verdict.set_sessions(sessions_);
    if (absl::Status status = emit(verdict); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status VerifyAll::judge_schema(Emit emit) {
  absl::StatusOr<Database::Lease> db = parts_.lease();
  if (!db.ok()) return db.status();
  const auto guards = verify_guards(**db);
  return guards.ok() ? emit_all(*guards, emit) : guards.status();
}

absl::Status VerifyAll::judge_log(Emit emit) {
  if (parts_.log.keys.empty())
    return emit_all({verdict_of(Verdict::RESULT_UNSIGNED,
                                "the log was not checked: this auditd has no log key")},
                    emit);
  absl::StatusOr<Database::Lease> db = parts_.lease();
  if (!db.ok()) return db.status();
  auto report = check_log(**db, parts_.log, parts_.clock, range_.since_ns);
  if (!report.ok()) return report.status();
  state_ = std::move(report->state);
  has_log_ = true;
  return emit_all(report->verdicts, emit);
}

absl::Status VerifyAll::judge_numbers(Emit emit) {
  absl::StatusOr<Database::Lease> db = parts_.lease();
  if (!db.ok()) return db.status();
  const auto holes = find_holes(**db, range_.since_ns);
  if (!holes.ok()) return holes.status();
  std::vector<Verdict> verdicts;
  for (const std::string& hole : *holes)
    verdicts.push_back(verdict_of(Verdict::RESULT_TAMPERED, hole));
  return emit_all(verdicts, emit);
}

absl::Status VerifyAll::judge_sessions(Emit emit) {
  SessionId after = first_after(range_);
  {
    absl::StatusOr<Database::Lease> db = parts_.lease();
    if (!db.ok()) return db.status();
    const auto count = count_sessions(**db, after);
    if (!count.ok()) return count.status();
    sessions_ = *count;
  }
  while (true) {
    absl::StatusOr<std::vector<SessionId>> sessions;
    {
      absl::StatusOr<Database::Lease> db = parts_.lease();
      if (!db.ok()) return db.status();
      sessions = next_sessions(**db, after, kSessionsAtOnce);
    }
    if (!sessions.ok() || sessions->empty()) return sessions.status();
    for (const SessionId& session : *sessions) {
      if (!is_within(session, range_)) return absl::OkStatus();
      if (absl::Status status = judge_session(session, emit); !status.ok()) return status;
    }
    after = sessions->back();
  }
}

absl::Status VerifyAll::judge_session(const SessionId& session, Emit emit) {
  std::vector<Verdict> verdicts;
  {
    absl::StatusOr<Database::Lease> db = parts_.lease();
    if (!db.ok()) return db.status();
    Verifier verifier(**db, parts_.trusted, parts_.clock, &parts_.log,
                      has_log_ ? &state_ : nullptr);
    absl::StatusOr<Verdict> verdict = verifier.verify(session);
    if (!verdict.ok()) return verdict.status();
    verdicts.push_back(*std::move(verdict));
    for (Verdict& claim : verifier.take_broken_claims()) verdicts.push_back(std::move(claim));
  }
  return emit_all(verdicts, emit);
}

}  // namespace gatetape::auditd
