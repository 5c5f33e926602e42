#include "auditd/verify/evidence_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

constexpr char kKey[] = "select commit_key from gatetape.session_key where session_id = $1::uuid";
constexpr char kHead[] = R"(
select size, root, gateway_key, gateway_signature, recorder_key, recorder_signature
from gatetape.head where session_id = $1::uuid)";
constexpr char kSession[] = R"(
select kind, user_name, login, target, target_address,
       case when masklen(source_ip) = case family(source_ip) when 4 then 32 else 128 end
         then host(source_ip) else source_ip::text end,
       source_port, rule, key_fingerprint, gateway, gateway_run, started_at
from gatetape.session where session_id = $1::uuid)";
constexpr char kSessionEnd[] = R"(
select ended_at, reason, detail, bytes_in, bytes_out, frames
from gatetape.session_end where session_id = $1::uuid)";
constexpr char kChannels[] = R"(
select channel, opened_seq, type from gatetape.channel where session_id = $1::uuid
order by channel limit $2::bigint)";
constexpr char kEvents[] = R"(
select seq, channel, kind, offset_ns, name, text, fields::text
from gatetape.event where session_id = $1::uuid and seq >= $2::bigint and seq <= $3::bigint
order by seq limit $4::bigint)";
constexpr char kTail[] = R"(
select last_seq, root from gatetape.frames where session_id = $1::uuid
order by first_seq desc limit 1)";
constexpr char kNextSessions[] = R"(
select id from (
  (select distinct session_id as id from gatetape.frames where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.session_key where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.head where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.session where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.session_end where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.channel where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.event where session_id > $1::uuid
   order by 1 limit $2::bigint)) found
order by id limit $2::bigint)";

uint64_t unsigned_of(const PgResult& rows, int row, int column) {
  return static_cast<uint64_t>(rows.int8(row, column));
}

PgParam seq_param(uint64_t seq) {
  return PgParam::int8(static_cast<int64_t>(std::min<uint64_t>(seq, INT64_MAX)));
}

absl::Status too_many_rows(const char* sql) {
  return absl::DataLossError(absl::StrCat("more rows than a key allows:", sql));
}

// one_row runs a statement about one session and maps its row, if there is one. DATA_LOSS when
// there are more: somebody took the table's key away.
template <typename Row, typename Map>
absl::StatusOr<std::optional<Row>> one_row(PgConnection& connection, const char* sql,
                                           const SessionId& session, Map map) {
  const auto rows = connection.execute(sql, {PgParam::uuid(session.bytes())});
  if (!rows.ok()) return rows.status();
  if (rows->rows() == 0) return std::optional<Row>();
  if (rows->rows() > 1) return too_many_rows(sql);
  return std::optional<Row>(map(*rows));
}

}  // namespace

absl::StatusOr<std::optional<std::string>> read_commit_key(PgConnection& connection,
                                                           const SessionId& session) {
  return one_row<std::string>(connection, kKey, session,
                              [](const PgResult& rows) { return rows.text(0, 0); });
}

absl::StatusOr<std::optional<StoredHead>> read_head(PgConnection& connection,
                                                    const SessionId& session) {
  return one_row<StoredHead>(connection, kHead, session, [](const PgResult& rows) {
    return StoredHead{unsigned_of(rows, 0, 0), rows.text(0, 1), rows.text(0, 2),
                      rows.text(0, 3),         rows.text(0, 4), rows.text(0, 5)};
  });
}

absl::StatusOr<std::optional<SessionRow>> read_session(PgConnection& connection,
                                                       const SessionId& session) {
  return one_row<SessionRow>(connection, kSession, session, [](const PgResult& rows) {
    SessionRow row;
    row.kind = rows.text(0, 0);
    row.user = rows.text(0, 1);
    row.login = rows.text(0, 2);
    row.target = rows.text(0, 3);
    row.target_address = rows.text(0, 4);
    if (!rows.is_null(0, 5)) row.source_ip = rows.text(0, 5);
    if (!rows.is_null(0, 6)) row.source_port = static_cast<int32_t>(rows.int8(0, 6));
    row.rule = rows.text(0, 7);
    row.key_fingerprint = rows.text(0, 8);
    row.gateway = rows.text(0, 9);
    if (!rows.is_null(0, 10)) row.gateway_run = rows.text(0, 10);
    row.started_at_ns = rows.timestamptz_ns(0, 11);
    return row;
  });
}

absl::StatusOr<std::optional<SessionEndRow>> read_session_end(PgConnection& connection,
                                                              const SessionId& session) {
  return one_row<SessionEndRow>(connection, kSessionEnd, session, [](const PgResult& rows) {
    return SessionEndRow{rows.timestamptz_ns(0, 0), rows.text(0, 1),
                         rows.text(0, 2),           unsigned_of(rows, 0, 3),
                         unsigned_of(rows, 0, 4),   unsigned_of(rows, 0, 5)};
  });
}

absl::StatusOr<std::map<uint32_t, ChannelRow>> read_channels(PgConnection& connection,
                                                             const SessionId& session,
                                                             size_t limit) {
  const auto rows =
      connection.execute(kChannels, {PgParam::uuid(session.bytes()), seq_param(limit)});
  if (!rows.ok()) return rows.status();
  std::map<uint32_t, ChannelRow> channels;
  for (int row = 0; row < rows->rows(); ++row) {
    const auto channel = static_cast<uint32_t>(rows->int8(row, 0));
    channels[channel] = {channel, unsigned_of(*rows, row, 1), rows->text(row, 2)};
  }
  if (channels.size() < static_cast<size_t>(rows->rows())) return too_many_rows(kChannels);
  return channels;
}

absl::StatusOr<std::vector<EventRow>> read_events(PgConnection& connection,
                                                  const SessionId& session, uint64_t after_seq,
                                                  uint64_t up_to_seq, size_t limit) {
  // From the very first: a row of no frame has a number that no frame has.
  const PgParam from = after_seq == 0 ? PgParam::int8(INT64_MIN) : seq_param(after_seq + 1);
  const auto rows = connection.execute(
      kEvents, {PgParam::uuid(session.bytes()), from, seq_param(up_to_seq), seq_param(limit)});
  if (!rows.ok()) return rows.status();
  std::vector<EventRow> events;
  events.reserve(static_cast<size_t>(rows->rows()));
  for (int row = 0; row < rows->rows(); ++row)
    events.push_back({unsigned_of(*rows, row, 0), static_cast<uint32_t>(rows->int8(row, 1)),
                      static_cast<uint16_t>(rows->int8(row, 2)), unsigned_of(*rows, row, 3),
                      rows->text(row, 4), rows->text(row, 5), rows->text(row, 6)});
  return events;
}

absl::StatusOr<std::optional<StoredTail>> read_tail(PgConnection& connection,
                                                    const SessionId& session) {
  return one_row<StoredTail>(connection, kTail, session, [](const PgResult& rows) {
    return StoredTail{unsigned_of(rows, 0, 0), rows.text(0, 1)};
  });
}

absl::StatusOr<std::vector<SessionId>> next_sessions(PgConnection& connection,
                                                     const SessionId& after, size_t limit) {
  const auto rows =
      connection.execute(kNextSessions, {PgParam::uuid(after.bytes()), seq_param(limit)});
  if (!rows.ok()) return rows.status();
  std::vector<SessionId> sessions;
  for (int row = 0; row < rows->rows(); ++row) {
    const auto id = SessionId::from_bytes(rows->bytes(row, 0));
    if (!id.ok()) return id.status();
    sessions.push_back(*id);
  }
  return sessions;
}

}  // namespace gatetape::auditd
