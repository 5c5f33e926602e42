#include "auditd/query/search.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace gatetape::auditd {
namespace {

using audit::v1::Hit;
using audit::v1::Session;

// $1 pattern, $2 is it a regular expression, $3 since, $4 until, $5 limit.
constexpr char kInSessions[] = R"(
select s.session_id, 0::bigint, 0::bigint, v.what, v.text
from gatetape.session s cross join lateral (values
  ('user', s.user_name), ('login', s.login), ('target', s.target),
  ('target_address', s.target_address), ('source', host(s.source_ip)), ('rule', s.rule),
  ('key_fingerprint', s.key_fingerprint)) v(what, text)
where s.kind <> 'system'
  and ($3::timestamptz is null or s.session_id >= gatetape.uuid7_floor($3::timestamptz))
  and ($4::timestamptz is null or s.session_id < gatetape.uuid7_floor($4::timestamptz))
  and case when $2::boolean then v.text ~* $1::text else v.text ilike $1::text end
order by s.session_id desc limit $5::bigint)";

// The kinds: session_end, target_fail, request_in, denied, notice.
constexpr char kInEvents[] = R"(
select e.session_id, e.seq, e.offset_ns, e.name, e.text
from gatetape.event e
where e.kind in (17, 19, 34, 41, 42)
  and ($3::timestamptz is null or e.session_id >= gatetape.uuid7_floor($3::timestamptz))
  and ($4::timestamptz is null or e.session_id < gatetape.uuid7_floor($4::timestamptz))
  and case when $2::boolean then e.text ~* $1::text else e.text ilike $1::text end
order by e.session_id desc, e.seq limit $5::bigint)";

// The kinds of a gateway's own session: auth_attempt, access_denied, connection_refused. Not query:
// every search would find the searches before it. Such a session lasts for as long as its gateway,
// so its events have times of their own.
constexpr char kInSystemEvents[] = R"(
select e.session_id, e.seq, e.offset_ns, e.name, e.text
from gatetape.session s
join gatetape.event e on e.session_id = s.session_id
cross join lateral (select s.started_at + e.offset_ns / 1000 * interval '1 microsecond') t(at)
where s.kind = 'system' and e.kind in (48, 52, 58)
  and ($3::timestamptz is null or not exists (
       select from gatetape.session_end z
       where z.session_id = s.session_id and z.ended_at < $3::timestamptz))
  and ($3::timestamptz is null or t.at >= $3::timestamptz)
  and ($4::timestamptz is null or
       (s.session_id < gatetape.uuid7_floor($4::timestamptz) and t.at < $4::timestamptz))
  and case when $2::boolean then e.text ~* $1::text else e.text ilike $1::text end
order by t.at desc limit $5::bigint)";

// newest_ms is what hits are ordered by: when the session began, for one of a system session when
// it happened itself.
int64_t newest_ms(const Hit& hit, bool is_system) {
  const int64_t began_ms = SessionId::from_bytes(hit.session().session_id())->unix_ms();
  return is_system ? began_ms + static_cast<int64_t>(hit.offset_ns() / 1'000'000) : began_ms;
}

std::string substring_pattern(const std::string& text) {
  std::string pattern = "%";
  for (char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

PgParam time_param(int64_t unix_ns) {
  return unix_ns == 0 ? PgParam::null() : PgParam::timestamptz(unix_ns);
}

absl::Status add_hits(PgConnection& connection, const char* sql, const std::vector<PgParam>& params,
                      std::vector<Hit>* hits) {
  const auto rows = connection.execute(sql, params);
  // SQLSTATE 2201B: invalid_regular_expression.
  if (!rows.ok() && rows.status().message().find("2201B") != absl::string_view::npos)
    return absl::InvalidArgumentError("the pattern is not a regular expression");
  if (!rows.ok()) return rows.status();
  for (int row = 0; row < rows->rows(); ++row) {
    Hit hit;
    hit.mutable_session()->set_session_id(rows->text(row, 0));
    hit.set_seq(static_cast<uint64_t>(rows->int8(row, 1)));
    hit.set_offset_ns(static_cast<uint64_t>(rows->int8(row, 2)));
    hit.set_what(rows->text(row, 3));
    hit.set_text(rows->text(row, 4));
    hits->push_back(std::move(hit));
  }
  return absl::OkStatus();
}

// fill_sessions loads each hit's session, each once. A session without a row keeps its id alone.
absl::Status fill_sessions(SessionReader& sessions, std::vector<Hit>* hits) {
  std::map<std::string, Session> known;
  for (Hit& hit : *hits) {
    const std::string id = hit.session().session_id();
    if (!known.contains(id)) {
      known[id] = hit.session();
      const auto loaded = sessions.load(*SessionId::from_bytes(id));
      if (loaded.ok()) known[id] = *loaded;
      if (!loaded.ok() && !absl::IsNotFound(loaded.status())) return loaded.status();
    }
    *hit.mutable_session() = known[id];
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Hit>> search(PgConnection& connection, SessionReader& sessions,
                                        const audit::v1::SearchRequest& request) {
  if (request.pattern().empty()) return absl::InvalidArgumentError("the pattern is empty");
  const uint32_t limit =
      request.limit() == 0 ? kSearchHitsMax : std::min(request.limit(), kSearchHitsMax);
  const std::vector<PgParam> params = {
      PgParam::text(request.regex() ? request.pattern() : substring_pattern(request.pattern())),
      PgParam::boolean(request.regex()), time_param(request.since_unix_ns()),
      time_param(request.until_unix_ns()), PgParam::int8(limit)};
  std::vector<std::pair<int64_t, Hit>> found;
  for (const char* sql : {kInSessions, kInEvents, kInSystemEvents}) {
    std::vector<Hit> hits;
    if (absl::Status status = add_hits(connection, sql, params, &hits); !status.ok()) return status;
    for (Hit& hit : hits) {
      const int64_t at_ms = newest_ms(hit, sql == kInSystemEvents);
      found.emplace_back(at_ms, std::move(hit));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Hit> hits;
  for (size_t i = 0; i < std::min<size_t>(found.size(), limit); i++)
    hits.push_back(std::move(found[i].second));
  if (absl::Status status = fill_sessions(sessions, &hits); !status.ok()) return status;
  return hits;
}

}  // namespace gatetape::auditd
