#include "base/db/pg_status.h"

#include <libpq-fe.h>

#include <string>

#include "absl/strings/strip.h"

namespace gatetape {
namespace {

std::string_view field_of(const pg_result* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string_view{} : std::string_view(text);
}

std::string_view severity_of(const pg_result* result) {
  return field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED);
}

absl::StatusCode code_of(std::string_view sqlstate) {
  if (sqlstate == "23505") return absl::StatusCode::kAlreadyExists;
  if (sqlstate == "42501") return absl::StatusCode::kPermissionDenied;
  if (sqlstate == "40003") return absl::StatusCode::kAborted;
  if (sqlstate == "XX001" || sqlstate == "XX002") return absl::StatusCode::kDataLoss;
  const std::string_view error_class = sqlstate.substr(0, 2);
  if (error_class == "22" || error_class == "23") return absl::StatusCode::kInvalidArgument;
  // Class 08 is the connection, 57P a shutdown. Without a SQLSTATE the message is libpq's own: the
  // connection is gone.
  if (sqlstate.empty() || error_class == "08" || sqlstate.substr(0, 3) == "57P")
    return absl::StatusCode::kUnavailable;
  return absl::StatusCode::kInternal;
}

}  // namespace

absl::Status sql_status(std::string_view sqlstate, std::string_view message) {
  std::string text(message);
  if (!sqlstate.empty()) text += " (SQLSTATE " + std::string(sqlstate) + ")";
  return absl::Status(code_of(sqlstate), text);
}

absl::Status status_of(const pg_result* result) {
  switch (PQresultStatus(result)) {
    case PGRES_FATAL_ERROR:
    case PGRES_NONFATAL_ERROR:
    case PGRES_BAD_RESPONSE:
      break;
    case PGRES_PIPELINE_ABORTED:
      return absl::InternalError("an earlier statement of the pipeline failed");
    default:
      return absl::OkStatus();
  }
  std::string text(field_of(result, PG_DIAG_MESSAGE_PRIMARY));
  if (text.empty()) text = std::string(absl::StripSuffix(PQresultErrorMessage(result), "\n"));
  return sql_status(field_of(result, PG_DIAG_SQLSTATE), text);
}

bool is_certain(const pg_result* result) {
  return severity_of(result) == "ERROR" && field_of(result, PG_DIAG_SQLSTATE) != "40003";
}

bool is_fatal(const pg_result* result) {
  return severity_of(result) == "FATAL" || severity_of(result) == "PANIC";
}

bool is_warning(const pg_result* notice) { return severity_of(notice) == "WARNING"; }

}  // namespace gatetape
