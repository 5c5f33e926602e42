// Migrations: numbered SQL files, applied in order, each in a transaction with its row of
// gatetape_migration. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/pg.h"

namespace gatetape {

struct MigrationResult {
  std::vector<std::string> applied;  // file names, in order
  uint32_t newest = 0;               // the number that the database is at
};

// newest_known_migration gives the number of the newest file in migrations/ of this build.
uint32_t newest_known_migration();

// migrate takes an advisory lock (polled, at most 60 s), checks the SHA-256 of every applied file
// (FAILED_PRECONDITION when one was edited, is missing or is newer than this program) and applies
// the rest of the NNNN_name.sql in `folder`.
absl::StatusOr<MigrationResult> migrate(PgConnection& connection, const std::string& folder);
// check_known refuses a database that a newer program has migrated: FAILED_PRECONDITION with both
// numbers. `known` is the newest that the caller knows; by default, that this program was built
// with.
absl::Status check_known(PgConnection& connection, uint32_t known = newest_known_migration());
// newest_migration gives the number the database is at, 0 when none.
absl::StatusOr<uint32_t> newest_migration(PgConnection& connection);

}  // namespace gatetape
