#include "auditd/query/session_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/endpoint.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Session;

constexpr int64_t kSilentNs = 90'000'000'000;

// What follows a `with s as (...)` that chose rows of gatetape.session. Each lateral is an index
// probe of one session.
constexpr char kSessionColumns[] = R"(
select s.session_id, s.kind, s.user_name, s.login, s.target, s.target_address, host(s.source_ip),
       s.source_port, s.rule, s.key_fingerprint, s.gateway, s.gateway_run, s.started_at,
       e.ended_at, e.reason, t.last_seq, t.root,
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
with s as materialized (select * from gatetape.session where session_id = $1::uuid))";

// An id carries its minting time, which is the start's but for the moment in between.
constexpr char kPage[] = R"(
with s as materialized (
  select * from gatetape.session s
  where s.session_id < $1::uuid
    and s.kind = $2::text
    and ($3::text is null or s.user_name like $3::text)
    and ($4::text is null or s.target like $4::text or s.target_address like $4::text)
    and ($5::text is null or s.login like $5::text)
    and ($6::text is null or s.source_ip <<= ($6::text)::inet)
    and ($7::timestamptz is null or (s.started_at >= $7::timestamptz
         and s.session_id >= gatetape.uuid7_floor($7::timestamptz - interval '1 hour')))
    and ($8::timestamptz is null or (s.started_at < $8::timestamptz
         and s.session_id < gatetape.uuid7_floor($8::timestamptz + interval '1 hour')))
    and (not $9::boolean or not exists (
         select from gatetape.session_end e where e.session_id = s.session_id))
  order by s.session_id desc limit $10::bigint))";

// Over: the run has an end, or its gateway started again. Else when it last wrote: by the newest
// heartbeat's wall clock, and by the newest event's offset.
constexpr char kRun[] = R"(
select exists (select from gatetape.session_end e where e.session_id = s.session_id) or
       exists (select from gatetape.session n where n.kind = 'system' and n.gateway = s.gateway
               and n.session_id > s.session_id),
       s.started_at,
       coalesce((select offset_ns from gatetape.event v where v.session_id = s.session_id
                 order by seq desc limit 1), 0),
       (select fields->>'wall_ns' from gatetape.event v
        where v.session_id = s.session_id and v.kind = 54 order by seq desc limit 1)
from gatetape.session s where s.session_id = $1::uuid)";

PgParam glob_param(const std::string& glob) {
  return glob.empty() ? PgParam::null() : PgParam::text(like_pattern(glob));
}

PgParam time_param(int64_t unix_ns) {
  return unix_ns == 0 ? PgParam::null() : PgParam::timestamptz(unix_ns);
}

}  // namespace

absl::StatusOr<Session> SessionReader::load(const SessionId& id) {
  static const std::string sql = std::string(kLoad) + kSessionColumns;
  const auto rows = connection_.execute(sql, {PgParam::uuid(id.bytes())});
  if (!rows.ok()) return rows.status();
  if (rows->rows() == 0) return absl::NotFoundError("no session " + id.to_text());
  return from_row(*rows, 0);
}

absl::StatusOr<SessionPage> SessionReader::page(const audit::v1::ListSessionsRequest& request,
                                                const SessionId& before, uint32_t rows) {
  if (absl::Status status = check_address(request.from()); !status.ok()) return status;
  static const std::string sql = std::string(kPage) + kSessionColumns;
  const auto result = connection_.execute(
      sql, {PgParam::uuid(before.bytes()),
            PgParam::text(request.kind().empty() ? "session" : request.kind()),
            glob_param(request.user()), glob_param(request.target()), glob_param(request.login()),
            request.from().empty() ? PgParam::null() : PgParam::text(request.from()),
            time_param(request.since_unix_ns()), time_param(request.until_unix_ns()),
            PgParam::boolean(request.live()), PgParam::int8(rows)});
  if (!result.ok()) return result.status();
  SessionPage page;
  page.more = result->rows() == static_cast<int>(rows);
  for (int row = 0; row < result->rows(); ++row) {
    absl::StatusOr<Session> session = from_row(*result, row);
    if (!session.ok()) return session.status();
    if (const auto id = SessionId::from_bytes(session->session_id()); id.ok()) page.last = *id;
    if (!request.live() || session->state() == "live") page.sessions.push_back(*std::move(session));
  }
  return page;
}

absl::StatusOr<Session> SessionReader::from_row(const PgResult& rows, int row) {
  Session session;
  const auto text = [&](int column) { return rows.text(row, column); };
  session.set_session_id(text(0));
  session.set_kind(text(1));
  session.set_user(text(2));
  session.set_login(text(3));
  session.set_target(text(4));
  session.set_target_address(text(5));
  if (!rows.is_null(row, 6)) {
    const auto port = static_cast<uint16_t>(rows.is_null(row, 7) ? 0 : rows.int8(row, 7));
    session.set_source(format_host_port({text(6), port}));
  }
  session.set_rule(text(8));
  session.set_key_fingerprint(text(9));
  session.set_gateway(text(10));
  session.set_started_at_unix_ns(rows.timestamptz_ns(row, 12));
  session.set_bytes_in(static_cast<uint64_t>(rows.int8(row, 17)));
  session.set_bytes_out(static_cast<uint64_t>(rows.int8(row, 18)));
  if (!rows.is_null(row, 15)) {
    session.set_frames(static_cast<uint64_t>(rows.int8(row, 15)));
    session.set_head(text(16));
  }
  if (!rows.is_null(row, 13)) {
    session.set_ended_at_unix_ns(rows.timestamptz_ns(row, 13));
    session.set_end_reason(text(14));
    session.set_state("closed");
    return session;
  }
  const auto run = SessionId::from_bytes(rows.bytes(row, rows.is_null(row, 11) ? 0 : 11));
  if (!run.ok()) return run.status();
  const absl::StatusOr<bool> live = run_is_live(*run);
  if (!live.ok()) return live.status();
  session.set_state(*live ? "live" : "interrupted");
  return session;
}

absl::StatusOr<bool> SessionReader::run_is_live(const SessionId& run) {
  if (const auto known = live_runs_.find(run); known != live_runs_.end()) return known->second;
  const auto rows = connection_.execute(kRun, {PgParam::uuid(run.bytes())});
  if (!rows.ok()) return rows.status();
  bool live = false;
  if (rows->rows() == 1 && !rows->boolean(0, 0)) {
    int64_t newest_ns = rows->timestamptz_ns(0, 1) + rows->int8(0, 2);
    int64_t wall_ns = 0;
    if (!rows->is_null(0, 3) && absl::SimpleAtoi(rows->text(0, 3), &wall_ns))
      newest_ns = std::max(newest_ns, wall_ns);
    live = clock_.wall_ns() - newest_ns <= kSilentNs;
  }
  live_runs_[run] = live;
  return live;
}

SessionId newest_possible() { return *SessionId::from_bytes(std::string(16, '\xff')); }

std::string like_pattern(std::string_view glob) {
  std::string pattern;
  for (char c : glob) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c == '*' ? '%' : c == '?' ? '_' : c;
  }
  return pattern;
}

absl::Status check_address(std::string_view text) {
  const std::string_view address = text.substr(0, text.find('/'));
  const std::string bytes = parse_ip(address);
  bool ok = text.empty() || !bytes.empty();
  if (address.size() < text.size()) {
    uint32_t bits = 0;
    const std::string_view prefix = text.substr(address.size() + 1);
    // Digits alone: PostgreSQL takes neither a sign nor blanks.
    ok = ok && std::all_of(prefix.begin(), prefix.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(absl::string_view(prefix.data(), prefix.size()), &bits) &&
         bits <= bytes.size() * 8;
  }
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("not an address or CIDR: ", printable(text)));
}

}  // namespace gatetape::auditd
