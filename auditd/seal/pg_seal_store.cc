#include "auditd/seal/pg_seal_store.h"

#include <algorithm>

#include "base/check.h"
#include "base/db/durability.h"
#include "base/db/migrate.h"

namespace gatetape::auditd {
namespace {

// A statement that takes longer is given up, with the connection, so that a database that hangs
// does not hold up the end of the daemon.
constexpr uint32_t kTimeoutS = 10;
constexpr char kSynchronousCommit[] = "on";

constexpr char kLock[] = "select pg_try_advisory_lock(x'7365616c'::int)";  // "seal"
// now() is that of the statement, so that the index on inserted_at can be used.
constexpr char kWaiting[] =
    "select leaf, entry, timestamptz_send(inserted_at), "
    "(greatest(0, extract(epoch from now() - inserted_at)) * 1e9)::bigint "
    "from gatetape.log_entry e "
    "where inserted_at >= least($1::timestamptz, now() - interval '10 minutes') "
    "and inserted_at <= $2::timestamptz "
    "and (inserted_at, leaf) > ($3::timestamptz, $4::bytea) "
    "and not exists (select from gatetape.log_leaf l where l.leaf = e.leaf) "
    "order by inserted_at, leaf limit $5::bigint";
constexpr char kOlder[] =
    "select timestamptz_send(inserted_at), leaf from (select inserted_at, leaf "
    "from gatetape.log_entry where inserted_at <= $1::timestamptz "
    "and (inserted_at, leaf) < ($1::timestamptz, $2::bytea) "
    "order by inserted_at desc, leaf desc limit $3::bigint) page "
    "order by inserted_at, leaf limit 1";
// As in recorder/pg_store.cc, evidence is read back with RETURNING, and the settings are read in
// each transaction.
constexpr char kInsertLeaves[] =
    "insert into gatetape.log_leaf (leaf_index, leaf, entry, epoch) "
    "select leaf_index, leaf, entry, epoch from unnest($1::bigint[], $2::bytea[], $3::bytea[], "
    "$4::bigint[]) as one (leaf_index, leaf, entry, epoch) returning tableoid";
constexpr char kInsertNodes[] =
    "insert into gatetape.log_node (level, node_index, hash) select level, node_index, hash "
    "from unnest($1::smallint[], $2::bigint[], $3::bytea[]) as one (level, node_index, hash) "
    "returning tableoid";
constexpr char kInsertCheckpoint[] =
    "insert into gatetape.checkpoint (n, size, epoch, note) values ($1::bigint, $2::bigint, "
    "$3::bigint, $4::bytea) returning tableoid";
constexpr char kIsDurable[] =
    "select where current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on' "
    "and current_setting('synchronous_commit') = $1::text";

// settings returns those of the connection. A session that says nothing for 6 s is ended by the
// server: the sequencer asks every second or two, so one that is silent hangs, or its network does,
// and the lock must not stay with it.
std::vector<PgSetting> settings() {
  return {synchronous_commit(kSynchronousCommit),
          {"idle_session_timeout", "6s"},
          {"idle_in_transaction_session_timeout", "6s"},
          {"tcp_keepalives_idle", "2"},
          {"tcp_keepalives_interval", "1"},
          {"tcp_keepalives_count", "3"},
          {"tcp_user_timeout", "6s"},
          {"plan_cache_mode", "force_custom_plan"},
          {"jit", "off"},
          stops_with_client()};
}

PgParam int8_of(uint64_t value) { return PgParam::int8(static_cast<int64_t>(value)); }

PgRows rows_of(const char* table, uint64_t count) {
  return {.table = table, .min = count, .max = count};
}

PgStatement leaves_of(const std::vector<LogLeaf>& leaves) {
  PgArray indexes(PgArray::Element::kInt8), hashes(PgArray::Element::kBytea),
      entries(PgArray::Element::kBytea), epochs(PgArray::Element::kInt8);
  for (const LogLeaf& leaf : leaves) {
    indexes.add(int8_of(leaf.index));
    hashes.add(PgParam::bytea(leaf.leaf));
    entries.add(PgParam::bytea(leaf.entry));
    epochs.add(int8_of(leaf.epoch));
  }
  CHECK(epochs.size() == leaves.size(), epochs.size(), leaves.size());
  return {kInsertLeaves,
          {indexes.finish(), hashes.finish(), entries.finish(), epochs.finish()},
          rows_of("gatetape.log_leaf", leaves.size())};
}

PgStatement nodes_of(const std::vector<LogNode>& nodes) {
  PgArray levels(PgArray::Element::kInt2), indexes(PgArray::Element::kInt8),
      hashes(PgArray::Element::kBytea);
  for (const LogNode& node : nodes) {
    levels.add(PgParam::int2(static_cast<int16_t>(node.level)));
    indexes.add(int8_of(node.index));
    hashes.add(PgParam::bytea(view(node.hash)));
  }
  CHECK(hashes.size() == nodes.size(), hashes.size(), nodes.size());
  return {kInsertNodes,
          {levels.finish(), indexes.finish(), hashes.finish()},
          rows_of("gatetape.log_node", nodes.size())};
}

}  // namespace

absl::StatusOr<std::vector<WaitingEntry>> waiting_entries(Db& db, const WaitingRange& range) {
  const auto rows =
      db.query(kWaiting, {PgParam::timestamptz(range.from_ns), PgParam::timestamptz(range.to_ns),
                          PgParam::timestamptz(range.after.inserted_at_ns),
                          PgParam::bytea(range.after.leaf), PgParam::int8(kWaitingRowsMax)});
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, [](DbRow& row) {
    WaitingEntry entry;
    entry.leaf = row.bytes();
    entry.entry = row.bytes();
    entry.inserted_at_ns = row.timestamptz_ns();
    entry.age_ns = row.int8();
    return entry;
  });
}

absl::Status PgSealStore::open() {
  close();
  absl::StatusOr<std::unique_ptr<Db>> db =
      Db::open({.conninfo = conninfo_, .settings = settings(), .timeout_s = kTimeoutS});
  if (!db.ok()) return db.status();
  if (absl::Status status = check_known(**db); !status.ok()) return status;
  if (absl::Status status = check_durable(**db, kSynchronousCommit); !status.ok()) return status;
  db_ = *std::move(db);
  nodes_.emplace(*db_);
  return absl::OkStatus();
}

void PgSealStore::close() {
  nodes_.reset();
  db_ = nullptr;
}

absl::StatusOr<bool> PgSealStore::lock() {
  CHECK(db_ != nullptr, "the store is closed");
  const auto rows = db_->query(kLock);
  if (!rows.ok()) return rows.status();
  DbRow row = rows->row(0);
  const bool locked = row.boolean();
  if (absl::Status status = row.finish(); !status.ok()) return status;
  return locked;
}

absl::StatusOr<StoredLog> PgSealStore::read_log() {
  CHECK(db_ != nullptr, "the store is closed");
  const auto last = last_leaf(*db_);
  if (!last.ok()) return last.status();
  auto newest = newest_checkpoint(*db_);
  if (!newest.ok()) return newest.status();
  StoredLog log;
  if (*last) log = {(*last)->index + 1, (*last)->epoch, {}};
  if (*newest) log.epoch = std::max(log.epoch, (*newest)->epoch);
  log.newest = *std::move(newest);
  return log;
}

absl::StatusOr<std::vector<std::string>> PgSealStore::read_key_entries() {
  CHECK(db_ != nullptr, "the store is closed");
  const auto leaves = gatetape::read_key_entries(*db_);
  if (!leaves.ok()) return leaves.status();
  std::vector<std::string> entries;
  for (const LogLeaf& leaf : *leaves) entries.push_back(leaf.entry);
  return entries;
}

absl::StatusOr<std::vector<LogLeaf>> PgSealStore::read_leaves(uint64_t first, uint64_t count) {
  CHECK(db_ != nullptr, "the store is closed");
  return gatetape::read_leaves(*db_, first, count);
}

NodeSource& PgSealStore::nodes() {
  CHECK(nodes_.has_value(), "the store is closed");
  return *nodes_;
}

absl::StatusOr<std::vector<WaitingEntry>> PgSealStore::waiting(const WaitingRange& range) {
  CHECK(db_ != nullptr, "the store is closed");
  return waiting_entries(*db_, range);
}

absl::StatusOr<std::optional<EntryPlace>> PgSealStore::older(const EntryPlace& before,
                                                             uint64_t count) {
  CHECK(db_ != nullptr, "the store is closed");
  const auto rows = db_->query(kOlder, {PgParam::timestamptz(before.inserted_at_ns),
                                        PgParam::bytea(before.leaf), int8_of(count)});
  if (!rows.ok()) return rows.status();
  if (rows->size() == 0) return std::optional<EntryPlace>();
  DbRow row = rows->row(0);
  EntryPlace place;
  place.inserted_at_ns = row.timestamptz_ns();
  place.leaf = row.bytes();
  if (absl::Status status = row.finish(); !status.ok()) return status;
  return std::optional<EntryPlace>(std::move(place));
}

absl::Status PgSealStore::append(const LogAppend& append) {
  CHECK(db_ != nullptr, "the store is closed");
  std::vector<PgStatement> statements;
  if (!append.leaves.empty()) statements.push_back(leaves_of(append.leaves));
  if (!append.nodes.empty()) statements.push_back(nodes_of(append.nodes));
  statements.push_back({kInsertCheckpoint,
                        {int8_of(append.n), int8_of(append.size), int8_of(append.epoch),
                         PgParam::bytea(append.note)},
                        rows_of("gatetape.checkpoint", 1)});
  statements.push_back(
      {.sql = kIsDurable,
       .params = {PgParam::text(kSynchronousCommit)},
       .broken_condition =
           "fsync, full_page_writes or synchronous_commit of PostgreSQL changed, so that a commit "
           "may be lost: run `gatetape doctor`"});
  return db_->frame_path().transact(statements).status();
}

}  // namespace gatetape::auditd
