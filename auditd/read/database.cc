#include "auditd/read/database.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/migrate.h"

namespace gatetape::auditd {
namespace {

constexpr uint32_t kStatementTimeoutS = 60;
constexpr absl::Duration kLeaseTimeout = absl::Seconds(10);
// Custom plans: a generic one cannot prune partitions while it is planned.
constexpr char kSettings[] =
    "set default_transaction_read_only = on;"
    "set plan_cache_mode = force_custom_plan;"
    "set jit = off;"
    "set statement_timeout = '55s'";

}  // namespace

Database::Lease::Lease(Database* owner, std::unique_ptr<PgConnection> connection)
    : owner_(owner), connection_(std::move(connection)) {}

Database::Lease::~Lease() {
  if (connection_) owner_->give_back(std::move(connection_));
}

Database::Database(std::string conninfo, int connections_max)
    : conninfo_(std::move(conninfo)), free_(connections_max) {}

absl::StatusOr<Database::Lease> Database::lease() {
  std::unique_ptr<PgConnection> connection;
  {
    const absl::MutexLock lock(&mutex_);
    const auto some_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return free_ > 0; };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&some_free), kLeaseTimeout))
      return absl::ResourceExhaustedError("too many queries at once: try again");
    free_--;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  // PostgreSQL may have been restarted while it was idle.
  if (connection && connection->execute("select 1").ok()) return Lease(this, std::move(connection));
  absl::StatusOr<std::unique_ptr<PgConnection>> opened = open();
  if (opened.ok()) return Lease(this, *std::move(opened));
  give_back(nullptr);
  return opened.status();
}

void Database::give_back(std::unique_ptr<PgConnection> connection) {
  const absl::MutexLock lock(&mutex_);
  free_++;
  if (connection && !connection->is_broken()) idle_.push_back(std::move(connection));
}

absl::StatusOr<std::unique_ptr<PgConnection>> Database::open() const {
  absl::StatusOr<std::unique_ptr<PgConnection>> connection = PgConnection::connect(conninfo_);
  if (!connection.ok())
    return absl::Status(connection.status().code(),
                        absl::StrCat("auditd's database: ", connection.status().message()));
  (*connection)->set_timeout_s(kStatementTimeoutS);
  if (absl::Status status = check_known(**connection); !status.ok()) return status;
  if (absl::Status status = (*connection)->run_script(kSettings); !status.ok()) return status;
  return connection;
}

absl::StatusOr<Snapshot> Snapshot::begin(PgConnection& connection) {
  const auto begun =
      connection.execute("begin transaction isolation level repeatable read read only");
  if (!begun.ok()) return begun.status();
  return Snapshot(&connection);
}

Snapshot::~Snapshot() {
  // Nothing was written, so it does not matter how it ends; a failure marks the connection broken.
  if (connection_ != nullptr) connection_->execute("rollback").IgnoreError();
}

}  // namespace gatetape::auditd
