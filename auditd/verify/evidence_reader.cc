#include "auditd/verify/evidence_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

// Rows of which a key allows one are read up to two, so that a second one is seen.
constexpr char kKey[] = R"(
select commit_key, format_version, key_check from gatetape.session_key
where session_id = $1::uuid limit 2)";
constexpr char kHead[] = R"(
select size, root, gateway_key, gateway_signature, recorder_key, recorder_signature
from gatetape.head where session_id = $1::uuid limit 2)";
constexpr char kSession[] = R"(
select kind, user_name, login, target, target_address,
       case when masklen(source_ip) = case family(source_ip) when 4 then 32 else 128 end
         then host(source_ip) else source_ip::text end,
       source_port, rule, key_fingerprint, gateway, gateway_run,
       timestamptz_send(started_at)
from gatetape.session where session_id = $1::uuid limit 2)";
constexpr char kSessionEnd[] = R"(
select timestamptz_send(ended_at), reason, detail, bytes_in, bytes_out, frames
from gatetape.session_end where session_id = $1::uuid limit 2)";
// $4 is the most rows of a page, $5 the most characters of a text: whoever altered the rows decides
// how large they are, and libpqxx keeps a whole result in memory.
constexpr char kChannels[] = R"(
select channel, opened_seq, left(type, $5::integer) from gatetape.channel
where session_id = $1::uuid and channel >= $2::bigint and channel <= $3::bigint
order by channel limit $4::bigint)";
constexpr char kEvents[] = R"(
select seq, channel, kind, offset_ns, left(name, $5::integer), left(text, $5::integer),
       left(fields::text, $5::integer)
from gatetape.event where session_id = $1::uuid and seq >= $2::bigint and seq <= $3::bigint
order by seq limit $4::bigint)";
constexpr char kAllEvents[] = R"(
select seq, channel, kind, offset_ns, name, text, fields::text
from gatetape.event where session_id = $1::uuid order by seq)";
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
  (select distinct session_id from gatetape.session_heads where session_id > $1::uuid
   order by 1 limit $2::bigint)
  union
  (select distinct session_id from gatetape.event where session_id > $1::uuid
   order by 1 limit $2::bigint)) found
order by id limit $2::bigint)";

constexpr char kCountSessions[] = R"(
select count(*) from gatetape.session_key where session_id > $1::uuid)";

PgParam seq_param(uint64_t seq) {
  return PgParam::int8(static_cast<int64_t>(std::min<uint64_t>(seq, INT64_MAX)));
}

absl::Status too_many_rows(const char* sql) {
  return absl::DataLossError(absl::StrCat("more rows than a key allows:", sql));
}

// one_row runs a statement about one session and returns its row, if there is one. DATA_LOSS when
// there are more: somebody took the table's key away.
template <typename Row>
absl::StatusOr<std::optional<Row>> one_row(Db& db, const char* sql, const SessionId& session,
                                           Row (*read)(DbRow&)) {
  const auto rows = db.query(sql, {PgParam::uuid(session.bytes())});
  if (!rows.ok()) return rows.status();
  if (rows->size() > 1) return too_many_rows(sql);
  auto values = read_rows(*rows, read);
  if (!values.ok()) return values.status();
  if (values->empty()) return std::optional<Row>();
  return std::optional<Row>(std::move(values->front()));
}

SessionRow session_of(DbRow& from) {
  SessionRow row;
  row.kind = from.text();
  row.user = from.text();
  row.login = from.text();
  row.target = from.text();
  row.target_address = from.text();
  row.source_ip = from.maybe(&DbRow::text).value_or("");
  row.source_port = static_cast<int32_t>(from.maybe(&DbRow::int8).value_or(row.source_port));
  row.rule = from.text();
  row.key_fingerprint = from.text();
  row.gateway = from.text();
  row.gateway_run = from.maybe(&DbRow::uuid).value_or("");
  row.started_at_ns = from.timestamptz_ns();
  return row;
}

EventRow event_of(DbRow& from) {
  EventRow row;
  row.seq = from.count();
  row.channel = static_cast<uint32_t>(from.count());
  row.kind = static_cast<uint16_t>(from.count());
  row.offset_ns = from.count();
  row.name = from.text();
  row.text = from.text();
  row.fields = from.text();
  return row;
}

ChannelRow channel_of(DbRow& from) {
  ChannelRow row;
  row.channel = static_cast<uint32_t>(from.count());
  row.opened_seq = from.count();
  row.type = from.text();
  return row;
}

// read_page runs a statement of pages for the rows whose number (channel or seq) lies in `range`.
template <typename Row>
absl::StatusOr<std::vector<Row>> read_page(Db& db, const char* sql, const RowRange& range,
                                           Row (*read)(DbRow&)) {
  const PgParam first = range.first == 0 ? PgParam::int8(INT64_MIN) : seq_param(range.first);
  const auto text_max = static_cast<int32_t>(std::min<size_t>(range.page.text_max, INT32_MAX));
  const auto rows =
      db.query(sql, {PgParam::uuid(range.session.bytes()), first, seq_param(range.last),
                     seq_param(range.page.rows_max), PgParam::int4(text_max)});
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, read);
}

}  // namespace

absl::StatusOr<std::optional<CommitKeys>> read_keys(Db& db, const SessionId& session) {
  struct KeyRow {
    std::optional<std::string> commit_key;
    int64_t format_version = 0;
    std::optional<std::string> check;
  };
  const auto row = one_row<KeyRow>(db, kKey, session, [](DbRow& from) {
    return KeyRow{from.maybe(&DbRow::bytes), from.int8(), from.maybe(&DbRow::bytes)};
  });
  if (!row.ok()) return row.status();
  if (!*row || !(*row)->commit_key) return std::optional<CommitKeys>();
  const int64_t version = (*row)->format_version;
  if ((*row)->commit_key->size() != kCommitKeyBytes || version < 1 || version > 2)
    return absl::DataLossError("its commit key or its format version is none");
  CommitKeys keys(*(*row)->commit_key, static_cast<FormatVersion>(version));
  if ((*row)->check.value_or(version == 1 ? keys.check() : "") != keys.check())
    return absl::DataLossError("its commit key is not the one of its key_check");
  return std::optional<CommitKeys>(std::move(keys));
}

absl::StatusOr<std::optional<StoredHead>> read_head(Db& db, const SessionId& session) {
  return one_row<StoredHead>(db, kHead, session, [](DbRow& row) {
    return StoredHead{row.count(), row.bytes(), row.bytes(), row.bytes(), row.bytes(), row.bytes()};
  });
}

absl::StatusOr<std::optional<SessionRow>> read_session(Db& db, const SessionId& session) {
  return one_row<SessionRow>(db, kSession, session, session_of);
}

absl::StatusOr<std::optional<SessionEndRow>> read_session_end(Db& db, const SessionId& session) {
  return one_row<SessionEndRow>(db, kSessionEnd, session, [](DbRow& row) {
    return SessionEndRow{row.timestamptz_ns(), row.text(),  row.text(),
                         row.count(),          row.count(), row.count()};
  });
}

absl::StatusOr<std::vector<ChannelRow>> read_channels(Db& db, const RowRange& range) {
  return read_page(db, kChannels, range, channel_of);
}

absl::StatusOr<std::vector<EventRow>> read_events(Db& db, const RowRange& range) {
  return read_page(db, kEvents, range, event_of);
}

absl::Status for_each_event(Db& db, const SessionId& session,
                            absl::FunctionRef<absl::Status(const EventRow&)> visit) {
  absl::StatusOr<DbTransaction> snapshot = DbTransaction::begin_snapshot(db);
  if (!snapshot.ok()) return snapshot.status();
  return db.for_each(kAllEvents, {PgParam::uuid(session.bytes())},
                     [&](DbRow& row) { return visit(event_of(row)); });
}

absl::StatusOr<std::optional<StoredTail>> read_tail(Db& db, const SessionId& session) {
  return one_row<StoredTail>(db, kTail, session, [](DbRow& row) {
    return StoredTail{row.count(), row.bytes()};
  });
}

absl::StatusOr<std::vector<SessionId>> next_sessions(Db& db, const SessionId& after, size_t limit) {
  const auto rows = db.query(kNextSessions, {PgParam::uuid(after.bytes()), seq_param(limit)});
  if (!rows.ok()) return rows.status();
  const auto ids = read_rows(*rows, [](DbRow& row) { return row.uuid(); });
  if (!ids.ok()) return ids.status();
  std::vector<SessionId> sessions;
  for (const std::string& bytes : *ids) {
    const auto id = SessionId::from_bytes(bytes);
    if (!id.ok()) return id.status();
    sessions.push_back(*id);
  }
  return sessions;
}

absl::StatusOr<uint64_t> count_sessions(Db& db, const SessionId& after) {
  const auto rows = db.query(kCountSessions, {PgParam::uuid(after.bytes())});
  if (!rows.ok()) return rows.status();
  const auto counts = read_rows(*rows, [](DbRow& row) { return row.count(); });
  if (!counts.ok()) return counts.status();
  return counts->front();
}

}  // namespace gatetape::auditd
