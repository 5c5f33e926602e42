// Migrations: numbered SQL files that are applied in order, each in one transaction with its row of
// gatetape_migration. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"

namespace gatetape {

struct MigrationResult {
  std::vector<std::string> applied;  // file names, in order
  uint32_t newest = 0;               // the number that the database is at
};

// kMigrationTimeoutS is the timeout for a connection that migrates: a migration may build an index
// over years of rows. The statement of a migration that takes longer is given up.
constexpr uint32_t kMigrationTimeoutS = 6 * 3600;

// newest_known_migration returns the number of the newest file in migrations/ of this build.
uint32_t newest_known_migration();

// migrate waits for an advisory lock (which it polls, at most 60 s), checks the SHA-256 of every
// applied file (FAILED_PRECONDITION when one was edited, is missing or is newer than this program)
// and applies the rest of the NNNN_name.sql in `folder`.
absl::StatusOr<MigrationResult> migrate(Db& db, const std::string& folder);
// check_known refuses a database that a newer program has migrated: FAILED_PRECONDITION with both
// numbers. `known` is the newest migration that the caller knows; by default, the newest one that
// this program was built with.
absl::Status check_known(Db& db, uint32_t known = newest_known_migration());
// newest_migration returns the number that the database is at, 0 when it has no migration.
absl::StatusOr<uint32_t> newest_migration(Db& db);

}  // namespace gatetape
