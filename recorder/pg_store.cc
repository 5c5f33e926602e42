#include "recorder/pg_store.h"

#include <utility>

#include "base/check.h"
#include "base/crypto.h"
#include "base/db/durability.h"
#include "base/db/migrate.h"

namespace gatetape::recorder {
namespace {

// Evidence is read back with RETURNING: PostgreSQL refuses tableoid when a view stands in the place
// of the table, or when a rule stores the row elsewhere. Such a row would count as stored.
constexpr char kInsertFrames[] =
    "insert into gatetape.frames (session_id, first_seq, last_seq, root, bytes_in, bytes_out, "
    "codec, raw_bytes, data, last_offset_ns, last_kind) values ($1::uuid, $2::bigint, $3::bigint, "
    "$4::bytea, $5::bigint, $6::bigint, $7::smallint, $8::integer, $9::bytea, $10::bigint, "
    "$11::smallint) returning tableoid";
constexpr char kInsertKey[] =
    "insert into gatetape.session_key (session_id, commit_key, format_version, key_check) values "
    "($1::uuid, $2::bytea, $3::smallint, $4::bytea) returning tableoid";
constexpr char kInsertHead[] =
    "insert into gatetape.head (session_id, size, root, gateway_key, gateway_signature, "
    "recorder_key, recorder_signature) values ($1::uuid, $2::bigint, $3::bytea, $4::bytea, "
    "$5::bytea, $6::bytea, $7::bytea) returning tableoid";
// A derived row that exists already must not prevent that evidence is stored.
constexpr char kInsertSession[] =
    "insert into gatetape.session (session_id, kind, user_name, login, target, target_address, "
    "source_ip, source_port, rule, key_fingerprint, gateway, gateway_run, started_at) values "
    "($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text::inet, $8::integer, "
    "$9::text, $10::text, $11::text, $12::uuid, $13::timestamptz) on conflict do nothing";
constexpr char kInsertSessionEnd[] =
    "insert into gatetape.session_end (session_id, ended_at, reason, detail, bytes_in, bytes_out, "
    "frames) values ($1::uuid, $2::timestamptz, $3::text, $4::text, $5::bigint, $6::bigint, "
    "$7::bigint) on conflict do nothing";
constexpr char kInsertChannel[] =
    "insert into gatetape.channel (session_id, channel, opened_seq, type) values ($1::uuid, "
    "$2::integer, $3::bigint, $4::text) on conflict do nothing";
constexpr char kInsertEvents[] =
    "insert into gatetape.event (session_id, seq, channel, kind, offset_ns, name, text, fields) "
    "select session_id, seq, channel, kind, offset_ns, name, text, fields::jsonb from "
    "unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::text[], "
    "$7::text[], $8::text[]) as event (session_id, seq, channel, kind, offset_ns, name, text, "
    "fields) on conflict do nothing";
constexpr char kInsertEntry[] =
    "insert into gatetape.log_entry (leaf, entry) values ($1::bytea, $2::bytea) returning tableoid";
constexpr char kInsertList[] =
    "insert into gatetape.heads (at, leaf, list) values ($1::timestamptz, $2::bytea, $3::bytea) "
    "returning tableoid";
constexpr char kInsertSessionHeads[] =
    "insert into gatetape.session_heads (session_id, state, at, leaf) select session_id, state, "
    "$3::timestamptz, $4::bytea from unnest($1::uuid[], $2::text[]) as line (session_id, state) "
    "returning tableoid";
// The data of a row is read only when the row has no facts of its last frame: rows that were stored
// before these columns existed.
constexpr char kReadTail[] =
    "select f.first_seq, f.last_seq, f.root, f.last_offset_ns, f.last_kind, f.codec, f.raw_bytes, "
    "case when f.last_kind is null then f.data end, k.commit_key, k.format_version, "
    "(select started_at from gatetape.session where session_id = $1::uuid), "
    "exists (select from gatetape.head where session_id = $1::uuid) "
    "from gatetape.frames f left join gatetape.session_key k on k.session_id = $1::uuid "
    "where f.session_id = $1::uuid order by f.first_seq desc limit 1";
// A row that another backend committed may still wait for its standby. The COMMIT of this
// transaction comes later in the write-ahead log, so that once PostgreSQL has answered it, every
// row that was read is durable.
constexpr char kBarrier[] = "select pg_logical_emit_message(true, 'gatetape', '')";
// The settings are read in each transaction: fsync and full_page_writes change with a reload of
// PostgreSQL below an open connection, and a trigger may set synchronous_commit.
constexpr char kIsDurable[] =
    "select where current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on' "
    "and current_setting('synchronous_commit') = $1::text";

// one_of is the count of an INSERT of evidence.
PgRows one_of(const char* table) { return {.table = table, .min = 1, .max = 1}; }

// derived_of is the count of an INSERT of `rows` derived rows. Rows of a session that was bound
// again may be there already; `old_rows` is the number of such rows.
PgRows derived_of(const char* table, uint64_t rows, uint64_t old_rows) {
  CHECK(old_rows <= rows, old_rows, rows);
  return {.table = table, .min = rows - old_rows, .max = rows};
}

PgParam int8_of(uint64_t value) { return PgParam::int8(static_cast<int64_t>(value)); }
PgParam int4_of(uint32_t value) { return PgParam::int4(static_cast<int32_t>(value)); }

PgStatement frames_of(const SessionWrite& write) {
  return {kInsertFrames,
          {PgParam::uuid(write.session.bytes()), int8_of(write.first_seq), int8_of(write.last_seq),
           PgParam::bytea(view(write.root)), int8_of(write.bytes_in), int8_of(write.bytes_out),
           PgParam::int2(write.batch.codec), int4_of(write.batch.raw_bytes),
           PgParam::bytea(write.batch.data), int8_of(write.last_offset_ns),
           PgParam::int2(static_cast<int16_t>(write.last_kind))},
          one_of("gatetape.frames")};
}

PgStatement key_of(const PgParam& id, const CommitKeys& keys) {
  return {kInsertKey,
          {id, PgParam::bytea(keys.commit_key()),
           PgParam::int2(static_cast<int16_t>(keys.version())), PgParam::bytea(keys.check())},
          one_of("gatetape.session_key")};
}

PgStatement head_of(const SignedHead& signed_head) {
  const SessionHead& head = signed_head.head;
  return {
      kInsertHead,
      {PgParam::uuid(head.session.bytes()), int8_of(head.size), PgParam::bytea(view(head.root)),
       PgParam::bytea(signed_head.gateway_key), PgParam::bytea(signed_head.gateway_signature),
       PgParam::bytea(signed_head.recorder_key), PgParam::bytea(signed_head.recorder_signature)},
      one_of("gatetape.head")};
}

PgStatement session_of(const PgParam& id, bool rebound, const SessionRow& row) {
  const bool has_source = !row.source_ip.empty();
  return {kInsertSession,
          {id, PgParam::text(row.kind), PgParam::text(row.user), PgParam::text(row.login),
           PgParam::text(row.target), PgParam::text(row.target_address),
           has_source ? PgParam::text(row.source_ip) : PgParam::null(),
           has_source ? PgParam::int4(row.source_port) : PgParam::null(), PgParam::text(row.rule),
           PgParam::text(row.key_fingerprint), PgParam::text(row.gateway),
           row.gateway_run.empty() ? PgParam::null() : PgParam::uuid(row.gateway_run),
           PgParam::timestamptz(row.started_at_ns)},
          derived_of("gatetape.session", 1, rebound ? 1 : 0)};
}

PgStatement session_end_of(const PgParam& id, bool rebound, const SessionEndRow& row) {
  return {kInsertSessionEnd,
          {id, PgParam::timestamptz(row.ended_at_ns), PgParam::text(row.reason),
           PgParam::text(row.detail), int8_of(row.bytes_in), int8_of(row.bytes_out),
           int8_of(row.frames)},
          derived_of("gatetape.session_end", 1, rebound ? 1 : 0)};
}

PgStatement channel_of(const PgParam& id, bool rebound, const ChannelRow& row) {
  return {kInsertChannel,
          {id, int4_of(row.channel), int8_of(row.opened_seq), PgParam::text(row.type)},
          derived_of("gatetape.channel", 1, rebound ? 1 : 0)};
}

// Events collects the event rows of a transaction for one statement, because a statement per row
// takes longer than the row itself.
class Events {
 public:
  void add(const PgParam& id, bool rebound, const EventRow& row) {
    old_rows_ += rebound ? 1 : 0;
    session_ids_.add(id);
    seqs_.add(int8_of(row.seq));
    channels_.add(int4_of(row.channel));
    kinds_.add(PgParam::int2(static_cast<int16_t>(row.kind)));
    offsets_.add(int8_of(row.offset_ns));
    names_.add(PgParam::text(row.name));
    texts_.add(PgParam::text(row.text));
    fields_.add(PgParam::text(row.fields));
  }
  bool empty() const { return session_ids_.empty(); }
  // PostgreSQL would fill a shorter column with NULLs.
  PgStatement finish() const {
    for (const PgArray* column :
         {&seqs_, &channels_, &kinds_, &offsets_, &names_, &texts_, &fields_})
      CHECK(column->size() == session_ids_.size(), column->size(), session_ids_.size());
    return {kInsertEvents,
            {session_ids_.finish(), seqs_.finish(), channels_.finish(), kinds_.finish(),
             offsets_.finish(), names_.finish(), texts_.finish(), fields_.finish()},
            derived_of("gatetape.event", session_ids_.size(), old_rows_)};
  }

 private:
  using Element = PgArray::Element;
  uint64_t old_rows_ = 0;  // rows that may be there already
  PgArray session_ids_{Element::kUuid};
  PgArray seqs_{Element::kInt8};
  PgArray channels_{Element::kInt4};
  PgArray kinds_{Element::kInt2};
  PgArray offsets_{Element::kInt8};
  PgArray names_{Element::kText};
  PgArray texts_{Element::kText};
  PgArray fields_{Element::kText};
};

void add_statements(const SessionWrite& write, std::vector<PgStatement>* out, Events* events) {
  CHECK(write.first_seq > 0 ? write.first_seq <= write.last_seq : write.head != nullptr,
        write.first_seq, write.last_seq);
  CHECK(!write.head || write.first_seq == 0 || write.head->head.size == write.last_seq,
        write.last_seq);
  CHECK((write.first_seq > 0) == (write.batch.raw_bytes > 0), write.first_seq,
        write.batch.raw_bytes);
  CHECK((write.first_seq == 1) == (write.keys != nullptr), write.first_seq);
  CHECK(write.derived.size() <= write.last_seq + 1 - write.first_seq, write.derived.size(),
        write.first_seq, write.last_seq);
  const PgParam id = PgParam::uuid(write.session.bytes());
  if (write.first_seq > 0) out->push_back(frames_of(write));
  if (write.keys) out->push_back(key_of(id, *write.keys));
  for (const Derived& derived : write.derived) {
    if (derived.session) out->push_back(session_of(id, write.rebound, *derived.session));
    if (derived.session_end)
      out->push_back(session_end_of(id, write.rebound, *derived.session_end));
    if (derived.channel) out->push_back(channel_of(id, write.rebound, *derived.channel));
    events->add(id, write.rebound, derived.event);
  }
  if (write.head) out->push_back(head_of(*write.head));
}

// session_heads_of returns the statement of the rows that lead to the ends of sessions in a list.
PgStatement session_heads_of(const SignedList& one, const PgParam& at, const PgParam& leaf) {
  PgArray sessions{PgArray::Element::kUuid};
  PgArray states{PgArray::Element::kText};
  const auto add = [&](const std::vector<SessionId>& ids, const char* state) {
    for (const SessionId& id : ids) {
      sessions.add(PgParam::uuid(id.bytes()));
      states.add(PgParam::text(state));
    }
  };
  add(one.opened, "open");
  add(one.closed, "close");
  CHECK(sessions.size() == states.size(), sessions.size(), states.size());
  return {kInsertSessionHeads,
          {sessions.finish(), states.finish(), at, leaf},
          PgRows{"gatetape.session_heads", sessions.size(), sessions.size()}};
}

void add_list(const SignedList& one, std::vector<PgStatement>* out) {
  CHECK(!one.entry.empty() && !one.list.lines().empty(), one.entry.size());
  const PgParam at = PgParam::timestamptz(static_cast<int64_t>(one.time_ns));
  const PgParam leaf = PgParam::bytea(view(one.leaf));
  out->push_back({kInsertEntry, {leaf, PgParam::bytea(one.entry)}, one_of("gatetape.log_entry")});
  out->push_back(
      {kInsertList, {at, leaf, PgParam::bytea(one.list.to_text())}, one_of("gatetape.heads")});
  if (!one.opened.empty() || !one.closed.empty()) out->push_back(session_heads_of(one, at, leaf));
}

// read_last_frame writes the facts of the last frame of a row that has no columns for them.
void read_last_frame(const PgResult& row, Tail* tail) {
  const absl::StatusOr<std::vector<Frame>> frames = decode_batch(
      static_cast<uint64_t>(row.int8(0, 0)), tail->last_seq, static_cast<int16_t>(row.int8(0, 5)),
      static_cast<uint32_t>(row.int8(0, 6)), row.bytes(0, 7));
  tail->damage = frames.status();
  if (!frames.ok()) return;
  tail->offset_ns = frames->back().offset_ns;
  tail->kind = frames->back().kind;
}

Tail tail_of(const PgResult& row) {
  Tail tail;
  if (row.rows() == 0) return tail;
  tail.last_seq = static_cast<uint64_t>(row.int8(0, 1));
  if (!to_hash(row.bytes(0, 2), &tail.root)) {
    tail.damage = absl::DataLossError("the stored root is not 32 bytes");
    return tail;
  }
  tail.commit_key = row.text(0, 8);
  if (!row.is_null(0, 9)) tail.format_version = static_cast<int16_t>(row.int8(0, 9));
  if (!row.is_null(0, 10)) tail.started_at_ns = row.timestamptz_ns(0, 10);
  tail.has_head = row.boolean(0, 11);
  if (row.is_null(0, 4)) {
    read_last_frame(row, &tail);
  } else {
    tail.offset_ns = static_cast<uint64_t>(row.int8(0, 3));
    tail.kind = static_cast<FrameKind>(row.int8(0, 4));
  }
  return tail;
}

}  // namespace

absl::Status PgStore::open() {
  state_ = State::kClosed;
  db_ = nullptr;
  absl::StatusOr<std::unique_ptr<Db>> db =
      Db::open({.conninfo = options_.conninfo,
                .settings = {synchronous_commit(options_.synchronous_commit)},
                .timeout_s = options_.timeout_s});
  if (!db.ok()) return db.status();
  if (absl::Status status = check_known(**db); !status.ok()) return status;
  if (absl::Status status = check_durable(**db, options_.synchronous_commit); !status.ok())
    return status;
  db_ = *std::move(db);
  state_ = State::kOpen;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PgResult>> PgStore::transact(std::vector<PgStatement> statements) {
  CHECK(state_ == State::kOpen, statements.size());
  statements.push_back(
      {.sql = kIsDurable,
       .params = {PgParam::text(options_.synchronous_commit)},
       .broken_condition =
           "fsync, full_page_writes or synchronous_commit of PostgreSQL changed, so that a commit "
           "may be lost: run `gatetape doctor`"});
  absl::StatusOr<std::vector<PgResult>> results = db_->frame_path().transact(statements);
  const absl::Status& status = results.status();
  if (!status.ok() && !absl::IsAlreadyExists(status) && !absl::IsInvalidArgument(status))
    state_ = State::kClosed;
  if (results.ok()) results->pop_back();
  return results;
}

absl::Status PgStore::commit(const Commit& commit) {
  std::vector<PgStatement> statements;
  Events events;
  for (const SessionWrite& write : commit.writes) add_statements(write, &statements, &events);
  CHECK(statements.size() >= commit.writes.size(), statements.size(), commit.writes.size());
  if (!events.empty()) statements.push_back(events.finish());
  for (const SignedList& one : commit.lists) add_list(one, &statements);
  CHECK(!statements.empty(), commit.lists.size());
  return transact(std::move(statements)).status();
}

absl::StatusOr<std::vector<Tail>> PgStore::read_tails(absl::Span<const SessionId> sessions) {
  std::vector<PgStatement> statements;
  for (const SessionId& session : sessions)
    statements.push_back({kReadTail, {PgParam::uuid(session.bytes())}});
  statements.push_back({kBarrier, {}});
  const absl::StatusOr<std::vector<PgResult>> rows = transact(std::move(statements));
  if (!rows.ok()) return rows.status();
  CHECK(rows->size() == sessions.size() + 1, rows->size(), sessions.size());
  std::vector<Tail> tails;
  for (size_t i = 0; i < sessions.size(); i++) tails.push_back(tail_of((*rows)[i]));
  CHECK(tails.size() == sessions.size(), tails.size(), sessions.size());
  return tails;
}

absl::Status PgStore::keep_up() {
  return transact({{"select gatetape.keep_partitions()", {}}}).status();
}

}  // namespace gatetape::recorder
