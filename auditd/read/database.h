// Database: auditd's few read-only connections, lent to one call at a time. Owned by main; any
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/db/pg.h"

namespace gatetape::auditd {

class Database {
 public:
  // Lease is one connection for as long as it lives; a broken one is not lent again.
  class Lease {
   public:
    Lease(Database* owner, std::unique_ptr<PgConnection> connection);
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    PgConnection& operator*() { return *connection_; }
    PgConnection* operator->() { return connection_.get(); }

   private:
    Database* owner_;  // outlives it
    std::unique_ptr<PgConnection> connection_;
  };

  Database(std::string conninfo, int connections_max);

  // lease waits up to 10 s for a free connection and opens one when none is idle. UNAVAILABLE when
  // PostgreSQL cannot be reached, RESOURCE_EXHAUSTED when all stay busy.
  absl::StatusOr<Lease> lease();

 private:
  void give_back(std::unique_ptr<PgConnection> connection);
  absl::StatusOr<std::unique_ptr<PgConnection>> open() const;

  const std::string conninfo_;
  absl::Mutex mutex_;
  int free_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<PgConnection>> idle_ ABSL_GUARDED_BY(mutex_);
};

// Snapshot is a read-only transaction in which every statement sees the same rows.
class Snapshot {
 public:
  // begin starts it on a connection that has none and outlives it.
  static absl::StatusOr<Snapshot> begin(PgConnection& connection);
  Snapshot(Snapshot&& other) noexcept : connection_(other.connection_) {
    other.connection_ = nullptr;
  }
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot();

 private:
  explicit Snapshot(PgConnection* connection) : connection_(connection) {}
  PgConnection* connection_;
};

}  // namespace gatetape::auditd
