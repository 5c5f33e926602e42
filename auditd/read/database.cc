#include "auditd/read/database.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/db/migrate.h"

namespace gatetape::auditd {
namespace {

// Statements that the server does not end after 55 s are given up after 60 s, with the connection.
constexpr uint32_t kTimeoutS = 60;
// It is no setting of the connection's start: libpq would find every server read-only and refuse it
// for target_session_attrs=read-write. It holds until the connection is lost, which ends its use.
constexpr const char* kReadOnly = "set default_transaction_read_only = on";

std::vector<PgSetting> settings() {
  return {// A generic plan cannot leave out partitions while it is made.
          {"plan_cache_mode", "force_custom_plan"},
          {"jit", "off"},
          {"statement_timeout", "55s"},
          // All rows of a cursor are fetched, so its plan is that of the plain statement.
          {"cursor_tuple_fraction", "1"},
          stops_with_client()};
}

}  // namespace

Database::Database(DatabaseOptions options)
    : options_(std::move(options)), permits_(options_.connections_max) {}

absl::StatusOr<Database::Lease> Database::lease(std::function<bool()> is_unwanted) {
  if (!permits_.take(options_.lease_timeout))
    return absl::ResourceExhaustedError("too many queries at once: try again");
  Lease lease(this, take_idle());  // gives the permit back, however this ends
  // PostgreSQL may have been restarted while the connection was idle.
  if (lease.db_ == nullptr || !lease->query("select 1").ok()) {
    absl::StatusOr<std::unique_ptr<Db>> opened = open();
    if (!opened.ok()) return opened.status();
    lease.db_ = *std::move(opened);
  }
  lease->set_unwanted(std::move(is_unwanted));
  return lease;
}

std::unique_ptr<Db> Database::take_idle() {
  const absl::MutexLock lock(&mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Db> db = std::move(idle_.back());
  idle_.pop_back();
  return db;
}

void Database::take_back(std::unique_ptr<Db> db) {
  if (db != nullptr && !db->is_broken()) {
    db->set_unwanted({});
    const absl::MutexLock lock(&mutex_);
    idle_.push_back(std::move(db));
    CHECK(idle_.size() <= static_cast<size_t>(options_.connections_max), idle_.size());
  }
  permits_.give();
}

absl::StatusOr<std::unique_ptr<Db>> Database::open() const {
  absl::StatusOr<std::unique_ptr<Db>> db =
      Db::open({.conninfo = options_.conninfo, .settings = settings(), .timeout_s = kTimeoutS});
  if (!db.ok())
    return absl::Status(db.status().code(),
                        absl::StrCat("auditd's database: ", db.status().message()));
  if (absl::Status status = (*db)->run_script(kReadOnly); !status.ok()) return status;
  if (absl::Status status = check_known(**db); !status.ok()) return status;
  return db;
}

}  // namespace gatetape::auditd
