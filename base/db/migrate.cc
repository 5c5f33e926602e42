#include "base/db/migrate.h"

#include <poll.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crypto.h"

namespace gatetape {
namespace {

constexpr int64_t kLockKey = 0x6761746574617065;  // "gatetape"
constexpr int64_t kLockWaitNs = 60'000'000'000;
constexpr int kLockPollMs = 100;

struct File {
  std::string name;
  std::string text;
};

using Files = std::map<uint32_t, File>;

absl::StatusOr<Files> read_files(const std::string& folder) {
  Files files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    uint32_t number = 0;
    if (entry.path().extension() != ".sql" || name.size() < 6 || name[4] != '_' ||
        !absl::SimpleAtoi(name.substr(0, 4), &number) || number == 0)
      continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) return absl::NotFoundError("cannot read " + entry.path().string());
    if (!files.emplace(number, File{name, std::move(text)}).second)
      return absl::FailedPreconditionError("two migrations have the number of " + name);
  }
  if (error) return absl::NotFoundError(folder + ": " + error.message());
  if (files.empty()) return absl::NotFoundError(folder + " holds no migration");
  return files;
}

// ask returns the one value of a statement of one row.
template <typename Value>
absl::StatusOr<Value> ask(Db& db, Value (DbRow::*read)(), const std::string& sql,
                          const std::vector<PgParam>& params = {}) {
  const absl::StatusOr<DbRows> rows = db.query(sql, params);
  if (!rows.ok()) return rows.status();
  const auto values = read_rows(*rows, [read](DbRow& row) { return (row.*read)(); });
  if (!values.ok()) return values.status();
  if (values->size() != 1) return absl::InternalError("not one row: " + sql);
  return values->front();
}

// take_lock polls: a migrator that waits inside PostgreSQL would deadlock with one that builds an
// index concurrently. The lock goes with the connection, or with release_lock.
absl::Status take_lock(Db& db) {
  const int64_t deadline_ns = system_clock().mono_ns() + kLockWaitNs;
  while (true) {
    const absl::StatusOr<bool> got = ask(
        db, &DbRow::boolean, "select pg_try_advisory_lock($1::bigint)", {PgParam::int8(kLockKey)});
    if (!got.ok()) return got.status();
    if (*got) return absl::OkStatus();
    if (system_clock().mono_ns() > deadline_ns)
      return absl::UnavailableError("another migration holds the lock for over 60 s");
    poll(nullptr, 0, kLockPollMs);
  }
}

absl::Status release_lock(Db& db) {
  return db.query("select pg_advisory_unlock($1::bigint)", {PgParam::int8(kLockKey)}).status();
}

absl::Status make_table(Db& db) {
  return db.run_script(R"sql(
    create table if not exists public.gatetape_migration (
      number integer not null,
      name text not null,
      sha256 bytea not null,
      applied_at timestamptz not null,
      constraint gatetape_migration_applied_once primary key (number));
    comment on table public.gatetape_migration is 'The migrations applied to this database.';
    comment on column public.gatetape_migration.number is 'NNNN of the file name.';
    comment on column public.gatetape_migration.name is 'The file name.';
    comment on column public.gatetape_migration.sha256 is 'SHA-256 of the file as applied.';
    comment on column public.gatetape_migration.applied_at is 'When.';
    grant select on public.gatetape_migration to public;)sql");
}

absl::StatusOr<bool> has_table(Db& db) {
  return ask(db, &DbRow::boolean, "select to_regclass('public.gatetape_migration') is not null");
}

// Applied is a row of gatetape_migration.
struct Applied {
  uint32_t number;
  std::string name;
  std::string sha256;
};

absl::StatusOr<std::vector<Applied>> read_applied(Db& db) {
  const absl::StatusOr<DbRows> rows =
      db.query("select number, name, sha256 from public.gatetape_migration order by number");
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, [](DbRow& row) {
    return Applied{static_cast<uint32_t>(row.count()), row.text(), row.bytes()};
  });
}

// check_applied returns the newest number that was applied, when the files still are what was
// applied.
absl::StatusOr<uint32_t> check_applied(Db& db, const Files& files) {
  const absl::StatusOr<std::vector<Applied>> applied = read_applied(db);
  if (!applied.ok()) return applied.status();
  uint32_t newest = 0;
  for (const Applied& migration : *applied) {
    newest = migration.number;
    const auto file = files.find(newest);
    if (file == files.end())
      return absl::FailedPreconditionError("the database has migration " + migration.name +
                                           ", which this program does not know");
    if (view(sha256(file->second.text)) != migration.sha256)
      return absl::FailedPreconditionError(file->second.name + " was edited after it was applied");
  }
  return newest;
}

absl::Status apply(Db& db, uint32_t number, const File& file) {
  absl::StatusOr<DbTransaction> transaction = DbTransaction::begin(db);
  absl::Status status = transaction.status();
  if (status.ok()) status = db.run_script(file.text);
  if (status.ok())
    status = db.query(
                   "insert into public.gatetape_migration values "
                   "($1::integer, $2::text, $3::bytea, now())",
                   {PgParam::int4(static_cast<int32_t>(number)), PgParam::text(file.name),
                    PgParam::bytea(view(sha256(file.text)))})
                 .status();
  if (status.ok()) status = transaction->commit();
  if (status.ok()) return status;
  return absl::Status(status.code(), file.name + ": " + std::string(status.message()));
}

absl::StatusOr<MigrationResult> migrate_locked(Db& db, const Files& files) {
  const absl::StatusOr<bool> exists = has_table(db);
  if (!exists.ok()) return exists.status();
  const absl::Status made = *exists ? absl::OkStatus() : make_table(db);
  if (!made.ok()) return made;
  const absl::StatusOr<uint32_t> newest = check_applied(db, files);
  if (!newest.ok()) return newest.status();
  MigrationResult result;
  result.newest = *newest;
  for (auto file = files.begin(); file != files.end(); ++file) {
    if (file->first <= *newest) continue;
    CHECK(file->first > result.newest, file->second.name, result.newest);
    const absl::Status applied = apply(db, file->first, file->second);
    if (!applied.ok()) return applied;
    result.applied.push_back(file->second.name);
    result.newest = file->first;
  }
  CHECK(result.applied.empty() == (result.newest == *newest), result.newest, *newest);
  return result;
}

}  // namespace

absl::StatusOr<MigrationResult> migrate(Db& db, const std::string& folder) {
  const absl::StatusOr<Files> files = read_files(folder);
  if (!files.ok()) return files.status();
  const absl::Status locked = take_lock(db);
  if (!locked.ok()) return locked;
  const absl::StatusOr<MigrationResult> result = migrate_locked(db, *files);
  const absl::Status released = release_lock(db);
  if (!result.ok()) return result.status();
  if (!released.ok()) return released;
  return result;
}

uint32_t newest_known_migration() { return GATETAPE_NEWEST_MIGRATION; }

absl::Status check_known(Db& db, uint32_t known) {
  const absl::StatusOr<uint32_t> newest = newest_migration(db);
  if (!newest.ok()) return newest.status();
  if (*newest <= known) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the database is at migration ", *newest, ", this program knows only ", known,
                   ": install the version of gatetape that migrated it, or a newer one"));
}

absl::StatusOr<uint32_t> newest_migration(Db& db) {
  const absl::StatusOr<bool> exists = has_table(db);
  if (!exists.ok()) return exists.status();
  if (!*exists) return 0;
  const absl::StatusOr<uint64_t> newest =
      ask(db, &DbRow::count, "select coalesce(max(number), 0) from public.gatetape_migration");
  if (!newest.ok()) return newest.status();
  return static_cast<uint32_t>(*newest);
}

}  // namespace gatetape
