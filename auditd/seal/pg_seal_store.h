// PgSealStore: the SealStore in PostgreSQL (migrations/0005_log.sql), on a connection of its own as
// the role gatetape_sealer. The lock is an advisory lock of that session, so that the server gives
// it to another auditd when this process dies, hangs or loses its network. The sealer's thread
// alone calls it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auditd/seal/seal_store.h"
#include "base/db/db.h"
#include "log/db/db_node_source.h"

namespace gatetape::auditd {

// waiting_entries is SealStore::waiting on any connection whose role may select log_entry and
// log_leaf.
absl::StatusOr<std::vector<WaitingEntry>> waiting_entries(Db& db, const WaitingRange& range);

class PgSealStore : public SealStore {
 public:
  explicit PgSealStore(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  // open also fails, with FAILED_PRECONDITION, when a commit of this PostgreSQL may be lost
  // (check_durable), or a newer gatetape has migrated the database.
  absl::Status open() override;
  void close() override;
  absl::StatusOr<bool> lock() override;
  absl::StatusOr<StoredLog> read_log() override;
  absl::StatusOr<std::vector<std::string>> read_key_entries() override;
  absl::StatusOr<std::vector<LogLeaf>> read_leaves(uint64_t first, uint64_t count) override;
  NodeSource& nodes() override;
  absl::StatusOr<std::vector<WaitingEntry>> waiting(const WaitingRange& range) override;
  absl::StatusOr<std::optional<EntryPlace>> older(const EntryPlace& before,
                                                  uint64_t count) override;
  absl::Status append(const LogAppend& append) override;

 private:
  const std::string conninfo_;
  std::unique_ptr<Db> db_;             // null while it is closed
  std::optional<DbNodeSource> nodes_;  // of db_
};

}  // namespace gatetape::auditd
