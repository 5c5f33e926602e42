#include "base/db/durability.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"

namespace gatetape {
namespace {

// values_of returns the first column of all rows.
absl::StatusOr<std::vector<std::string>> values_of(Db& db, const std::string& sql) {
  const absl::StatusOr<DbRows> rows = db.query(sql);
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, [](DbRow& row) { return row.text(); });
}

absl::StatusOr<std::string> value_of(Db& db, const std::string& sql) {
  const absl::StatusOr<std::vector<std::string>> values = values_of(db, sql);
  if (!values.ok()) return values.status();
  CHECK(values->size() == 1, values->size(), sql);
  return values->front();
}

}  // namespace

PgSetting synchronous_commit(const std::string& value) { return {"synchronous_commit", value}; }

absl::StatusOr<std::vector<std::string>> unsafe_settings(Db& db) {
  return values_of(db,
                   "select name from pg_settings where setting <> 'on' and name in ('fsync', "
                   "'full_page_writes') order by name");
}

absl::Status check_durable(Db& db, const std::string& value) {
  const absl::StatusOr<std::vector<std::string>> off = unsafe_settings(db);
  if (!off.ok()) return off.status();
  if (!off->empty())
    return absl::FailedPreconditionError(
        absl::StrCat(absl::StrJoin(*off, " and "),
                     " of PostgreSQL is off, so that a commit may be lost: set it to on in "
                     "postgresql.conf and reload"));
  const absl::StatusOr<std::string> found =
      value_of(db, "select current_setting('synchronous_commit')");
  if (!found.ok()) return found.status();
  if (*found == value) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("synchronous_commit is ", *found, " and must be ", value,
                   ": something between here and PostgreSQL drops the options of the connection"));
}

absl::StatusOr<bool> has_synchronous_standby(Db& db) {
  const absl::StatusOr<std::string> names =
      value_of(db, "select current_setting('synchronous_standby_names')");
  if (!names.ok()) return names.status();
  return !names->empty();
}

}  // namespace gatetape
