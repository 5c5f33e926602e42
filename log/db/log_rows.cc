#include "log/db/log_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gatetape {
namespace {

const char* const kSelectLeaf =
    "select leaf_index, leaf, entry, epoch from gatetape.log_leaf where leaf_index = $1::bigint";
const char* const kSelectLeaves =
    "select leaf_index, leaf, entry, epoch from gatetape.log_leaf where leaf_index >= $1::bigint "
    "and leaf_index < $1::bigint + $2::bigint order by leaf_index";
const char* const kFindLeaf =
    "select leaf_index, leaf, entry, epoch from gatetape.log_leaf where leaf = $1::bytea";
const char* const kSelectLast =
    "select leaf_index, leaf, entry, epoch from gatetape.log_leaf order by leaf_index desc limit 1";
// The condition is that of the index log_leaf_keys: the first two lines of a `key` entry.
const char* const kSelectKeys =
    "select leaf_index, leaf, entry, epoch from gatetape.log_leaf where "
    "substring(entry from 1 for 26) = '\\x6761746574617065206c6f6720656e7472792076310a6b65790a' "
    "order by leaf_index";
const char* const kSelectCheckpoints =
    "select n, size, timestamptz_send(at), epoch, note from gatetape.checkpoint "
    "order by n desc limit $1::bigint";

absl::StatusOr<std::vector<LogLeaf>> leaves_of(const absl::StatusOr<DbRows>& rows) {
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, [](DbRow& row) {
    LogLeaf leaf;
    leaf.index = row.count();
    leaf.leaf = row.bytes();
    leaf.entry = row.bytes();
    leaf.epoch = row.count();
    return leaf;
  });
}

absl::StatusOr<LogLeaf> one_of(absl::StatusOr<std::vector<LogLeaf>> leaves, const char* what) {
  if (!leaves.ok()) return leaves.status();
  if (leaves->empty()) return absl::NotFoundError(what);
  return std::move(leaves->front());
}

}  // namespace

absl::StatusOr<LogLeaf> read_leaf(Db& db, uint64_t index) {
  const auto rows = db.query(kSelectLeaf, {PgParam::int8(static_cast<int64_t>(index))});
  return one_of(leaves_of(rows), "the log has no leaf of this index");
}

absl::StatusOr<std::vector<LogLeaf>> read_leaves(Db& db, uint64_t first, uint64_t count) {
  return leaves_of(db.query(kSelectLeaves, {PgParam::int8(static_cast<int64_t>(first)),
                                            PgParam::int8(static_cast<int64_t>(count))}));
}

absl::StatusOr<LogLeaf> find_leaf(Db& db, const Hash& leaf) {
  const auto rows = db.query(kFindLeaf, {PgParam::bytea(view(leaf))});
  return one_of(leaves_of(rows), "the entry has no place in the log yet");
}

absl::StatusOr<std::optional<LogLeaf>> last_leaf(Db& db) {
  absl::StatusOr<LogLeaf> leaf = one_of(leaves_of(db.query(kSelectLast)), "the log is empty");
  if (absl::IsNotFound(leaf.status())) return std::optional<LogLeaf>();
  if (!leaf.ok()) return leaf.status();
  return std::optional<LogLeaf>(*std::move(leaf));
}

absl::StatusOr<std::vector<LogLeaf>> read_key_entries(Db& db) {
  return leaves_of(db.query(kSelectKeys));
}

absl::StatusOr<std::vector<StoredCheckpoint>> newest_checkpoints(Db& db, uint32_t limit) {
  const auto rows = db.query(kSelectCheckpoints, {PgParam::int8(limit)});
  if (!rows.ok()) return rows.status();
  auto checkpoints = read_rows(*rows, [](DbRow& row) {
    StoredCheckpoint checkpoint;
    checkpoint.n = row.count();
    checkpoint.size = row.count();
    checkpoint.at_ns = row.timestamptz_ns();
    checkpoint.epoch = row.count();
    checkpoint.note = row.bytes();
    return checkpoint;
  });
  if (checkpoints.ok()) std::reverse(checkpoints->begin(), checkpoints->end());
  return checkpoints;
}

absl::StatusOr<std::optional<StoredCheckpoint>> newest_checkpoint(Db& db) {
  auto checkpoints = newest_checkpoints(db, 1);
  if (!checkpoints.ok()) return checkpoints.status();
  if (checkpoints->empty()) return std::optional<StoredCheckpoint>();
  return std::optional<StoredCheckpoint>(std::move(checkpoints->front()));
}

absl::StatusOr<StoredCheckpoint> checkpoint_covering(Db& db, uint64_t index) {
  auto newest = newest_checkpoint(db);
  if (!newest.ok()) return newest.status();
  if (!*newest || (*newest)->size <= index)
    return absl::NotFoundError(
        absl::StrCat("no checkpoint of the log covers leaf ", index, " yet"));
  return **std::move(newest);
}

}  // namespace gatetape
