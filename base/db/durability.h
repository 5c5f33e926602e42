// The settings of PostgreSQL without which a commit that was acknowledged can be lost. One thread
// uses a Db.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/db.h"

namespace gatetape {

// synchronous_commit returns the setting of a connection that waits so for its commits. It takes
// precedence over those of the role, the database and postgresql.conf.
PgSetting synchronous_commit(const std::string& value);

// unsafe_settings returns the names of those of fsync and full_page_writes that are off.
absl::StatusOr<std::vector<std::string>> unsafe_settings(Db& db);

// check_durable checks a connection that was opened with synchronous_commit(value). It fails with
// FAILED_PRECONDITION and one line when fsync or full_page_writes is off, or when
// synchronous_commit has another value. There is deliberately no way to accept less.
absl::Status check_durable(Db& db, const std::string& value);

// has_synchronous_standby returns true when synchronous_standby_names names a standby.
absl::StatusOr<bool> has_synchronous_standby(Db& db);

}  // namespace gatetape
