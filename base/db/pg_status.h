// How an answer of PostgreSQL becomes a Status. Shared by both doors of base/db. Any thread.
#pragma once

#include <string_view>

#include "absl/status/status.h"

struct pg_result;

namespace gatetape {

// sql_status returns the status of a statement that the server refused with this SQLSTATE:
// ALREADY_EXISTS for 23505, PERMISSION_DENIED for 42501, INVALID_ARGUMENT for the rest of the
// classes 22 and 23 (the data does not fit), DATA_LOSS for a damaged page or index, ABORTED for
// 40003 (nobody knows whether it completed), UNAVAILABLE when the connection is lost, else
// INTERNAL. Its text ends with the SQLSTATE.
absl::Status sql_status(std::string_view sqlstate, std::string_view message);
// status_of returns the status of a result: OK unless the server refused the statement.
absl::Status status_of(const pg_result* result);
// is_certain returns true when the server itself refused the statement and the connection lives on,
// so that the transaction did not commit. A FATAL error may come after the commit was done.
bool is_certain(const pg_result* result);
// is_fatal returns true when the server ended the connection with this result.
bool is_fatal(const pg_result* result);
// is_warning returns true for a notice of the severity WARNING.
bool is_warning(const pg_result* notice);

}  // namespace gatetape
