// SealStore: the port through which the sequencer reads and extends the log in the database.
// PgSealStore implements it (auditd/seal/pg_seal_store.h). The sealer's thread calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "auditd/seal/entry_judge.h"
#include "auditd/seal/log_tree.h"
#include "log/db/log_rows.h"
#include "log/proof.h"
#include "log/tile.h"

namespace gatetape::auditd {

// StoredLog is the end of the log as it is stored.
struct StoredLog {
  uint64_t size = 0;   // index of the last leaf, plus 1
  uint64_t epoch = 0;  // the newest one of leaves and checkpoints; 0 when there is none
  std::optional<StoredCheckpoint> newest;
};

// EntryPlace is the place of a row in log_entry, in the order of (inserted_at, leaf).
struct EntryPlace {
  int64_t inserted_at_ns = INT64_MAX;
  std::string leaf;
};

// WaitingRange names rows of log_entry: those from `from_ns` or from 10 minutes ago on, whichever
// is earlier, that come after `after`, and not after `to_ns`.
struct WaitingRange {
  int64_t from_ns = INT64_MAX;
  EntryPlace after = {.inserted_at_ns = 0, .leaf = {}};
  int64_t to_ns = INT64_MAX;
};

// Most rows that SealStore::waiting returns. A page with fewer is the last one.
constexpr size_t kWaitingRowsMax = 1000;

// LogAppend is what one transaction adds to the log.
struct LogAppend {
  uint64_t epoch = 0;
  std::vector<LogLeaf> leaves;
  std::vector<LogNode> nodes;
  uint64_t n = 0;     // of the checkpoint
  uint64_t size = 0;  // of the checkpoint
  std::string note;   // the signed checkpoint
};

class SealStore {
 public:
  virtual ~SealStore() = default;
  // open opens the connection again. Whatever the old one had locked is free.
  virtual absl::Status open() = 0;
  virtual void close() = 0;
  // lock returns true when this connection holds the lock of the sequencer, for as long as it
  // lives.
  virtual absl::StatusOr<bool> lock() = 0;

  virtual absl::StatusOr<StoredLog> read_log() = 0;
  // read_key_entries returns the `key` entries of the log, in order.
  virtual absl::StatusOr<std::vector<std::string>> read_key_entries() = 0;
  virtual absl::StatusOr<std::vector<LogLeaf>> read_leaves(uint64_t first, uint64_t count) = 0;
  // nodes returns the stored tree. It lives until the next open or close.
  virtual NodeSource& nodes() = 0;
  // waiting returns the first kWaitingRowsMax rows of a range that have no place in the log.
  virtual absl::StatusOr<std::vector<WaitingEntry>> waiting(const WaitingRange& range) = 0;
  // older returns the first of the last `count` rows before a place; nothing when there are none.
  virtual absl::StatusOr<std::optional<EntryPlace>> older(const EntryPlace& before,
                                                          uint64_t count) = 0;
  // append stores everything in one transaction. It returns OK only when the commit is certain. It
  // fails with ALREADY_EXISTS, and stores nothing, when an index, a leaf or a checkpoint's number
  // is taken. After any other failure it is unknown what is stored, and only open may follow.
  virtual absl::Status append(const LogAppend& append) = 0;
};

// Publication: the port through which the sequencer reads what was published.
class Publication {
 public:
  virtual ~Publication() = default;
  // read_checkpoint returns the published checkpoint; nothing when none was published.
  virtual absl::StatusOr<std::optional<std::string>> read_checkpoint() = 0;
  virtual TileReader& tiles() = 0;
  // read_acceptance returns the reason for which an operator accepts that the database is behind
  // what was published; nothing when no operator does.
  virtual absl::StatusOr<std::optional<std::string>> read_acceptance() = 0;
  virtual absl::Status remove_acceptance() = 0;
};

}  // namespace gatetape::auditd
