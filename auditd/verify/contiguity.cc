#include "auditd/verify/contiguity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace gatetape::auditd {
namespace {

// Lines that are kept. A record with more holes is beyond repair.
constexpr size_t kFindingsMax = 1000;

// A number that is none is no hole: the event row of that session is compared with its frame.
constexpr char kNumbers[] = R"(
select run, number, session_id from (
  select s.gateway_run as run, s.session_id,
         case when e.fields->>'session_no' ~ '^[1-9][0-9]{0,17}$'
           then (e.fields->>'session_no')::bigint end as number
  from gatetape.session s join gatetape.event e on e.session_id = s.session_id and e.seq = 1
  where s.session_id >= $1::uuid and s.gateway_run is not null) numbered
where number is not null order by run, number, session_id)";

}  // namespace

void Contiguity::report(std::string what) {
  if (findings_.size() < kFindingsMax) findings_.push_back(std::move(what));
}

void Contiguity::add(const SessionId& run, uint64_t number, const SessionId& session) {
  const bool is_first = next_ == 0 || run != run_;
  if (is_first) next_ = run < since_ ? number : 1;
  run_ = run;
  const std::string of_run = " of gateway run " + run.to_text();
  if (number < next_)
    report(absl::StrCat("session ", number, of_run, " is stored twice, as ", last_.to_text(),
                        " and ", session.to_text()));
  else if (number == next_ + 1)
    report(absl::StrCat("session ", next_, of_run, " is missing"));
  else if (number > next_)
    report(absl::StrCat("sessions ", next_, " to ", number - 1, of_run, " are missing"));
  next_ = std::max(next_, number + 1);
  last_ = session;
}

SessionId floor_id(int64_t wall_ns) {
  std::string bytes;
  put_u64(&bytes, static_cast<uint64_t>(wall_ns / 1'000'000) << 16);
  bytes.resize(16);
  return *SessionId::from_bytes(bytes);
}

absl::StatusOr<std::vector<std::string>> find_holes(Db& db, int64_t since_ns) {
  const SessionId since = since_ns == 0 ? SessionId() : floor_id(since_ns);
  absl::StatusOr<DbTransaction> snapshot = DbTransaction::begin_snapshot(db);
  if (!snapshot.ok()) return snapshot.status();
  Contiguity contiguity(since);
  const absl::Status status =
      db.for_each(kNumbers, {PgParam::uuid(since.bytes())}, [&](DbRow& row) {
        const auto run = SessionId::from_bytes(row.uuid());
        const uint64_t number = row.count();
        const auto session = SessionId::from_bytes(row.uuid());
        if (run.ok() && session.ok()) contiguity.add(*run, number, *session);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return contiguity.findings();
}

}  // namespace gatetape::auditd
