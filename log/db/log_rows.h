// The rows of the log in PostgreSQL (migrations/0005_log.sql): its leaves and its checkpoints. What
// is read is not verified: a superuser of the database may have written it. One thread uses a Db.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "base/db/db.h"

namespace gatetape {

// LogLeaf is a row of log_leaf.
struct LogLeaf {
  uint64_t index = 0;
  std::string leaf;   // the leaf hash, 32 bytes
  std::string entry;  // docs/FORMAT.md section 9.1
  uint64_t epoch = 0;
};

// read_leaf returns the leaf of an index; NOT_FOUND when there is none.
absl::StatusOr<LogLeaf> read_leaf(Db& db, uint64_t index);
// read_leaves returns the leaves from index `first` on, at most `count`, in order. Leaves that are
// missing are left out.
absl::StatusOr<std::vector<LogLeaf>> read_leaves(Db& db, uint64_t first, uint64_t count);
// find_leaf returns the leaf with a leaf hash; NOT_FOUND when it has no place in the log.
absl::StatusOr<LogLeaf> find_leaf(Db& db, const Hash& leaf);
// last_leaf returns the leaf with the greatest index; nothing when the log is empty.
absl::StatusOr<std::optional<LogLeaf>> last_leaf(Db& db);

// read_key_entries returns the leaves that are `key` entries, in order.
absl::StatusOr<std::vector<LogLeaf>> read_key_entries(Db& db);

// StoredCheckpoint is a row of checkpoint.
struct StoredCheckpoint {
  uint64_t n = 0;
  uint64_t size = 0;
  int64_t at_ns = 0;  // Unix time, by the clock of the database
  uint64_t epoch = 0;
  std::string note;  // the signed note
};

// newest_checkpoint returns the checkpoint with the greatest n; nothing when none is stored.
absl::StatusOr<std::optional<StoredCheckpoint>> newest_checkpoint(Db& db);
// newest_checkpoints returns the newest checkpoints, at most `limit`, the newest one last.
absl::StatusOr<std::vector<StoredCheckpoint>> newest_checkpoints(Db& db, uint32_t limit);
// checkpoint_covering returns the newest checkpoint; NOT_FOUND when none has more leaves than
// `index`, so that nothing proves the leaf yet.
absl::StatusOr<StoredCheckpoint> checkpoint_covering(Db& db, uint64_t index);

}  // namespace gatetape
