// Database: auditd's few read-only connections, lent to one call at a time. Owned by main; any
// thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "auditd/read/permits.h"
#include "base/db/db.h"

namespace gatetape::auditd {

struct DatabaseOptions {
  std::string conninfo;
  int connections_max;  // More calls than this wait for their turn.
  // A call that has waited this long is refused: its client waits for an answer meanwhile, and
  // statements that are slower than this keep all connections busy only when something is wrong.
  std::chrono::milliseconds lease_timeout = std::chrono::seconds(10);
};

class Database {
 public:
  // Lease is one connection for as long as it lives. A broken one is not lent again.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), db_(std::move(other.db_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (owner_ != nullptr) owner_->take_back(std::move(db_));
    }
    Db& operator*() { return *db_; }
    Db* operator->() { return db_.get(); }

   private:
    friend class Database;
    Lease(Database* owner, std::unique_ptr<Db> db) : owner_(owner), db_(std::move(db)) {}

    Database* owner_;  // outlives the lease
    std::unique_ptr<Db> db_;
  };

  explicit Database(DatabaseOptions options);

  // lease waits for a free connection and opens one when none is idle. UNAVAILABLE when PostgreSQL
  // cannot be reached, RESOURCE_EXHAUSTED when all stay busy. Once `is_unwanted` returns true, a
  // statement that runs on the connection is cancelled; another thread calls it, until the lease
  // ends.
  absl::StatusOr<Lease> lease(std::function<bool()> is_unwanted = {});

 private:
  std::unique_ptr<Db> take_idle();
  void take_back(std::unique_ptr<Db> db);
  absl::StatusOr<std::unique_ptr<Db>> open() const;

  const DatabaseOptions options_;
  Permits permits_;  // one for each connection
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Db>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::auditd
