#include "auditd/query/session_reader.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "auditd/query/search_pattern.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/endpoint.h"
#include "record/frame.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Session;

// A run that has written nothing for this long is over: a daemon writes a heartbeat every 20 s, so
// that four in a row are missing.
constexpr int64_t kSilentNs = 90'000'000'000;

// This follows a `with s as (...)` that chose rows of gatetape.session. Each lateral is an index
// probe of one session.
constexpr char kSessionColumns[] = R"(
select s.session_id, s.kind, s.user_name, s.login, s.target, s.target_address, host(s.source_ip),
       s.source_port, s.rule, s.key_fingerprint, s.gateway, s.gateway_run,
       timestamptz_send(s.started_at), timestamptz_send(e.ended_at), e.reason, t.last_seq, t.root,
       coalesce(e.bytes_in, b.bytes_in, 0), coalesce(e.bytes_out, b.bytes_out, 0)
from s
left join lateral (
  select * from gatetape.session_end x where x.session_id = s.session_id limit 1) e on true
left join lateral (
  select last_seq, root from gatetape.frames x where x.session_id = s.session_id
  order by first_seq desc limit 1) t on true
left join lateral (
  select sum(bytes_in)::bigint as bytes_in, sum(bytes_out)::bigint as bytes_out
  from gatetape.frames x where e.session_id is null and x.session_id = s.session_id) b on true
order by s.session_id desc)";

constexpr char kLoad[] = R"(
with s as materialized (select * from gatetape.session where session_id = any($1::uuid[])))";

// An id carries the time at which it was minted, which is shortly before the start.
constexpr char kPage[] = R"(
with s as materialized (
  select * from gatetape.session s
  where s.session_id < $1::uuid
    and s.kind = $2::text
    and ($3::text[] is null or s.user_name like any ($3::text[]))
    and ($4::text[] is null or s.target like any ($4::text[])
         or s.target_address like any ($4::text[]))
    and ($5::text[] is null or s.login like any ($5::text[]))
    and ($6::text is null or s.source_ip <<= ($6::text)::inet)
    and ($7::timestamptz is null or (s.started_at >= $7::timestamptz
         and s.session_id >= gatetape.uuid7_floor($7::timestamptz - interval '1 hour')))
    and ($8::timestamptz is null or (s.started_at < $8::timestamptz
         and s.session_id < gatetape.uuid7_floor($8::timestamptz + interval '1 hour')))
    and (not $9::boolean or not exists (
         select from gatetape.session_end e where e.session_id = s.session_id))
  order by s.session_id desc limit $10::bigint))";

// Whether the run is over (it has an end, or its gateway started again), and when it last wrote:
// its start and the offset of its newest event, and the wall clock of its newest heartbeat. $2 is
// the kind of a heartbeat.
constexpr char kRun[] = R"(
select exists (select from gatetape.session_end e where e.session_id = s.session_id) or
       exists (select from gatetape.session n where n.kind = 'system' and n.gateway = s.gateway
               and n.session_id > s.session_id),
       timestamptz_send(s.started_at),
       coalesce((select offset_ns from gatetape.event v where v.session_id = s.session_id
                 order by seq desc limit 1), 0),
       (select fields->>'wall_ns' from gatetape.event v
        where v.session_id = s.session_id and v.kind = $2::smallint order by seq desc limit 1)
from gatetape.session s where s.session_id = $1::uuid)";

PgParam glob_param(const std::string& glob) {
  if (glob.empty()) return PgParam::null();
  PgArray patterns(PgArray::Element::kText);
  for (const std::string& pattern : glob_patterns(glob)) patterns.add(PgParam::text(pattern));
  return patterns.finish();
}

PgParam ids_param(const std::vector<SessionId>& ids) {
  PgArray array(PgArray::Element::kUuid);
  for (const SessionId& id : ids) array.add(PgParam::uuid(id.bytes()));
  return array.finish();
}

PgParam time_param(int64_t unix_ns) {
  return unix_ns == 0 ? PgParam::null() : PgParam::timestamptz(unix_ns);
}

std::vector<PgParam> page_params(const audit::v1::ListSessionsRequest& request,
                                 const SessionId& before, uint32_t rows) {
  return {PgParam::uuid(before.bytes()),
          PgParam::text(request.kind().empty() ? "session" : request.kind()),
          glob_param(request.user()),
          glob_param(request.target()),
          glob_param(request.login()),
          request.from().empty() ? PgParam::null() : PgParam::text(request.from()),
          time_param(request.since_unix_ns()),
          time_param(request.until_unix_ns()),
          PgParam::boolean(request.live()),
          PgParam::int8(rows)};
}

// Listed is a row of kSessionColumns.
struct Listed {
  Session session;
  std::string run;  // the system session of its daemon, its own id for a system session
};

void read_source(DbRow& row, Session* session) {
  const auto address = row.maybe(&DbRow::text);
  const auto port = static_cast<uint16_t>(row.maybe(&DbRow::int8).value_or(0));
  if (address) session->set_source(format_host_port({*address, port}));
}

// read_progress reads how far the session came, and its end if it has one.
void read_progress(DbRow& row, Session* session) {
  session->set_started_at_unix_ns(row.timestamptz_ns());
  const auto ended_at_ns = row.maybe(&DbRow::timestamptz_ns);
  const auto reason = row.maybe(&DbRow::text);
  if (ended_at_ns) session->set_ended_at_unix_ns(*ended_at_ns);
  if (ended_at_ns) session->set_end_reason(reason.value_or(""));
  if (ended_at_ns) session->set_state("closed");
  session->set_frames(row.maybe(&DbRow::count).value_or(0));
  session->set_head(row.maybe(&DbRow::bytes).value_or(""));
  session->set_bytes_in(row.count());
  session->set_bytes_out(row.count());
}

Listed read_listed(DbRow& row) {
  Listed listed;
  Session& session = listed.session;
  session.set_session_id(row.uuid());
  session.set_kind(row.text());
  session.set_user(row.text());
  session.set_login(row.text());
  session.set_target(row.text());
  session.set_target_address(row.text());
  read_source(row, &session);
  session.set_rule(row.text());
  session.set_key_fingerprint(row.text());
  session.set_gateway(row.text());
  listed.run = row.maybe(&DbRow::uuid).value_or(session.session_id());
  read_progress(row, &session);
  return listed;
}

// Run is a row of kRun.
struct Run {
  bool is_over;
  int64_t started_at_ns;
  int64_t newest_offset_ns;
  std::optional<std::string> newest_wall_ns;
};

}  // namespace

absl::StatusOr<Session> SessionReader::load(const SessionId& id) {
  static const std::string sql = std::string(kLoad) + kSessionColumns;
  const auto rows = db_.query(sql, {ids_param({id})});
  if (!rows.ok()) return rows.status();
  auto listed = read_rows(*rows, read_listed);
  if (!listed.ok()) return listed.status();
  if (listed->empty()) return absl::NotFoundError("no session " + id.to_text());
  Session& session = listed->front().session;
  if (absl::Status status = set_state(listed->front().run, &session); !status.ok()) return status;
  return std::move(session);
}

absl::Status SessionReader::load_each(const std::vector<SessionId>& ids,
                                      absl::FunctionRef<void(Session)> visit) {
  static const std::string sql = std::string(kLoad) + kSessionColumns;
  return db_.for_each(sql, {ids_param(ids)}, [&](DbRow& row) -> absl::Status {
    absl::StatusOr<Session> session = read(row);
    if (!session.ok()) return session.status();
    visit(*std::move(session));
    return absl::OkStatus();
  });
}

absl::StatusOr<SessionPage> SessionReader::page(const audit::v1::ListSessionsRequest& request,
                                                const SessionId& before, uint32_t rows) {
  if (absl::Status status = check_address(request.from()); !status.ok()) return status;
  static const std::string sql = std::string(kPage) + kSessionColumns;
  absl::StatusOr<DbTransaction> snapshot = DbTransaction::begin_snapshot(db_);
  if (!snapshot.ok()) return snapshot.status();
  SessionPage page;
  uint32_t found = 0;
  const absl::Status status =
      db_.for_each(sql, page_params(request, before, rows), [&](DbRow& row) -> absl::Status {
        absl::StatusOr<Session> session = read(row);
        if (!session.ok()) return session.status();
        const auto id = SessionId::from_bytes(session->session_id());
        if (!id.ok()) return id.status();
        found++;
        page.last = *id;
        if (!request.live() || session->state() == "live")
          page.sessions.push_back(*std::move(session));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  page.more = found == rows;
  return page;
}

absl::StatusOr<Session> SessionReader::read(DbRow& row) {
  Listed listed = read_listed(row);
  if (absl::Status status = row.finish(); !status.ok()) return status;
  if (absl::Status status = set_state(listed.run, &listed.session); !status.ok()) return status;
  return std::move(listed.session);
}

absl::Status SessionReader::set_state(const std::string& run, Session* session) {
  if (!session->state().empty()) return absl::OkStatus();
  const auto id = SessionId::from_bytes(run);
  if (!id.ok()) return id.status();
  const absl::StatusOr<bool> live = run_is_live(*id);
  if (!live.ok()) return live.status();
  session->set_state(*live ? "live" : "interrupted");
  return absl::OkStatus();
}

absl::StatusOr<bool> SessionReader::run_is_live(const SessionId& run) {
  if (const auto known = live_runs_.find(run); known != live_runs_.end()) return known->second;
  const auto rows = db_.query(kRun, {PgParam::uuid(run.bytes()),
                                     PgParam::int2(static_cast<int16_t>(FrameKind::kHeartbeat))});
  if (!rows.ok()) return rows.status();
  const auto runs = read_rows(*rows, [](DbRow& row) {
    return Run{row.boolean(), row.timestamptz_ns(), row.int8(), row.maybe(&DbRow::text)};
  });
  if (!runs.ok()) return runs.status();
  bool live = false;
  if (runs->size() == 1 && !runs->front().is_over) {
    const Run& found = runs->front();
    int64_t newest_ns = found.started_at_ns + found.newest_offset_ns;
    int64_t wall_ns = 0;
    if (found.newest_wall_ns && absl::SimpleAtoi(*found.newest_wall_ns, &wall_ns))
      newest_ns = std::max(newest_ns, wall_ns);
    live = clock_.wall_ns() - newest_ns <= kSilentNs;
  }
  live_runs_[run] = live;
  return live;
}

SessionId newest_possible() { return *SessionId::from_bytes(std::string(16, '\xff')); }

absl::Status check_address(std::string_view text) {
  const std::string_view address = text.substr(0, text.find('/'));
  const std::string bytes = parse_ip(address);
  bool ok = text.empty() || !bytes.empty();
  if (address.size() < text.size()) {
    uint32_t bits = 0;
    const std::string_view prefix = text.substr(address.size() + 1);
    // A prefix is digits alone: PostgreSQL accepts neither a sign nor blanks.
    ok = ok && std::all_of(prefix.begin(), prefix.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(absl::string_view(prefix.data(), prefix.size()), &bits) &&
         bits <= bytes.size() * 8;
  }
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("not an address or CIDR: ", printable(text)));
}

}  // namespace gatetape::auditd
