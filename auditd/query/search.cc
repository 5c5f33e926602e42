#include "auditd/query/search.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "auditd/query/search_pattern.h"
#include "record/frame.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Hit;
using audit::v1::Session;

// All three take: $1 the pattern, $2 whether it is a regular expression, $3 since, $4 until, $5 the
// limit, $6 the marked pattern, $7 the pattern for sessions of format version 1 (SearchPattern).
// The literal of two backslashes is an escaped backslash of the stored text.
constexpr char kInSessions[] = R"(
select s.session_id, 0::bigint, 0::bigint, v.what, v.text
from gatetape.session s cross join lateral (values
  ('user', s.user_name), ('login', s.login), ('target', s.target),
  ('target_address', s.target_address), ('source', host(s.source_ip)), ('rule', s.rule),
  ('key_fingerprint', s.key_fingerprint)) v(what, text)
where s.kind <> 'system'
  and ($3::timestamptz is null or s.session_id >= gatetape.uuid7_floor($3::timestamptz))
  and ($4::timestamptz is null or s.session_id < gatetape.uuid7_floor($4::timestamptz))
  and case when $2::boolean then v.text ~* $1::text
      else (v.text ilike $1::text and
            ($6::text is null or replace(v.text, '\\', chr(1)) ilike $6::text)) or
           ($7::text is not null and v.text ilike $7::text and exists (
            select from gatetape.session_key k
            where k.session_id = s.session_id and k.format_version = 1)) end
order by s.session_id desc limit $5::bigint)";

// $8 the kinds that are searched.
constexpr char kInEvents[] = R"(
select e.session_id, e.seq, e.offset_ns, e.name, e.text
from gatetape.event e
where e.kind = any($8::smallint[])
  and ($3::timestamptz is null or e.session_id >= gatetape.uuid7_floor($3::timestamptz))
  and ($4::timestamptz is null or e.session_id < gatetape.uuid7_floor($4::timestamptz))
  and case when $2::boolean then e.text ~* $1::text
      else (e.text ilike $1::text and
            ($6::text is null or replace(e.text, '\\', chr(1)) ilike $6::text)) or
           ($7::text is not null and e.text ilike $7::text and exists (
            select from gatetape.session_key k
            where k.session_id = e.session_id and k.format_version = 1)) end
order by e.session_id desc, e.seq limit $5::bigint)";

// $8 the kinds of a gateway's own session that are searched. Such a session lasts for as long as
// its gateway, so its events have times of their own.
constexpr char kInSystemEvents[] = R"(
select e.session_id, e.seq, e.offset_ns, e.name, e.text
from gatetape.session s
join gatetape.event e on e.session_id = s.session_id
cross join lateral (select s.started_at + e.offset_ns / 1000 * interval '1 microsecond') t(at)
where s.kind = 'system' and e.kind = any($8::smallint[])
  and ($3::timestamptz is null or not exists (
       select from gatetape.session_end z
       where z.session_id = s.session_id and z.ended_at < $3::timestamptz))
  and ($3::timestamptz is null or t.at >= $3::timestamptz)
  and ($4::timestamptz is null or
       (s.session_id < gatetape.uuid7_floor($4::timestamptz) and t.at < $4::timestamptz))
  and case when $2::boolean then e.text ~* $1::text
      else (e.text ilike $1::text and
            ($6::text is null or replace(e.text, '\\', chr(1)) ilike $6::text)) or
           ($7::text is not null and e.text ilike $7::text and exists (
            select from gatetape.session_key k
            where k.session_id = e.session_id and k.format_version = 1)) end
order by t.at desc limit $5::bigint)";

// kinds_param returns an array of the numbers of kinds.
PgParam kinds_param(std::initializer_list<FrameKind> kinds) {
  PgArray numbers(PgArray::Element::kInt2);
  for (const FrameKind kind : kinds) numbers.add(PgParam::int2(static_cast<int16_t>(kind)));
  return numbers.finish();
}

PgParam session_kinds() {
  return kinds_param({FrameKind::kSessionEnd, FrameKind::kTargetFail, FrameKind::kRequestIn,
                      FrameKind::kDenied, FrameKind::kNotice});
}

// Not kQuery: every search would find the searches before it.
PgParam system_kinds() {
  return kinds_param(
      {FrameKind::kAuthAttempt, FrameKind::kAccessDenied, FrameKind::kConnectionRefused});
}

PgParam text_param(const std::optional<std::string>& text) {
  return text ? PgParam::text(*text) : PgParam::null();
}

PgParam time_param(int64_t unix_ns) {
  return unix_ns == 0 ? PgParam::null() : PgParam::timestamptz(unix_ns);
}

// Found is a hit and the time that hits are ordered by: when the session began, for one of a system
// session when it happened itself.
struct Found {
  int64_t at_ms;
  Hit hit;
};

Found read_hit(DbRow& row, bool is_system) {
  Found found;
  found.hit.mutable_session()->set_session_id(row.uuid());
  found.hit.set_seq(row.count());
  found.hit.set_offset_ns(row.count());
  found.hit.set_what(row.text());
  found.hit.set_text(row.text());
  const auto id = SessionId::from_bytes(found.hit.session().session_id());
  found.at_ms = id.ok() ? id->unix_ms() : 0;
  if (is_system) found.at_ms += static_cast<int64_t>(found.hit.offset_ns() / 1'000'000);
  return found;
}

absl::Status add_hits(Db& db, const PgStatement& statement, std::vector<Found>* found) {
  const bool is_system = statement.sql == kInSystemEvents;
  const absl::Status status = db.for_each(statement.sql, statement.params, [&](DbRow& row) {
    found->push_back(read_hit(row, is_system));
    return absl::OkStatus();
  });
  // SQLSTATE 2201B: invalid_regular_expression.
  if (status.message().find("2201B") != absl::string_view::npos)
    return absl::InvalidArgumentError("the pattern is not a regular expression");
  return status;
}

// fill_sessions loads the sessions of all hits. A session without a row keeps its id alone.
absl::Status fill_sessions(SessionReader& sessions, std::vector<Hit>* hits) {
  std::set<SessionId> ids;
  for (const Hit& hit : *hits) {
    const auto id = SessionId::from_bytes(hit.session().session_id());
    if (!id.ok()) return id.status();
    ids.insert(*id);
  }
  std::map<std::string, Session> known;
  const absl::Status status = sessions.load_each({ids.begin(), ids.end()}, [&](Session session) {
    const std::string id = session.session_id();
    known[id] = std::move(session);
  });
  for (Hit& hit : *hits)
    if (const auto found = known.find(hit.session().session_id()); found != known.end())
      *hit.mutable_session() = found->second;
  return status;
}

}  // namespace

absl::StatusOr<std::vector<Hit>> search(Db& db, SessionReader& sessions,
                                        const audit::v1::SearchRequest& request) {
  if (request.pattern().empty()) return absl::InvalidArgumentError("the pattern is empty");
  const uint32_t limit =
      request.limit() == 0 ? kSearchHitsMax : std::min(request.limit(), kSearchHitsMax);
  const SearchPattern pattern =
      request.regex() ? search_regex(request.pattern()) : search_pattern(request.pattern());
  const std::vector<PgParam> in_sessions = {PgParam::text(pattern.text),
                                            PgParam::boolean(request.regex()),
                                            time_param(request.since_unix_ns()),
                                            time_param(request.until_unix_ns()),
                                            PgParam::int8(limit),
                                            text_param(pattern.marked),
                                            text_param(pattern.text_v1)};
  std::vector<PgParam> in_events = in_sessions;
  in_events.push_back(session_kinds());
  std::vector<PgParam> in_system_events = in_sessions;
  in_system_events.push_back(system_kinds());

  absl::StatusOr<DbTransaction> snapshot = DbTransaction::begin_snapshot(db);
  if (!snapshot.ok()) return snapshot.status();
  std::vector<Found> found;
  for (const PgStatement& statement :
       {PgStatement{kInSessions, in_sessions}, PgStatement{kInEvents, in_events},
        PgStatement{kInSystemEvents, in_system_events}})
    if (absl::Status status = add_hits(db, statement, &found); !status.ok()) return status;
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.at_ms > b.at_ms; });
  std::vector<Hit> hits;
  for (size_t i = 0; i < std::min<size_t>(found.size(), limit); i++)
    hits.push_back(std::move(found[i].hit));
  if (absl::Status status = fill_sessions(sessions, &hits); !status.ok()) return status;
  return hits;
}

}  // namespace gatetape::auditd
