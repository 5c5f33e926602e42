// Db: the door to PostgreSQL for every statement that is not the frame path, on libpqxx. A lost
// connection is an error and never a silent reconnect: whoever owns a Db opens another one. An
// exception of libpqxx becomes a Status here. One thread at a time uses a Db.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/db_row.h"
#include "base/db/pg.h"
#include "base/db/pg_connect.h"
#include "base/db/pg_value.h"

namespace gatetape {

struct DbOptions {
  std::string conninfo;                  // of libpq
  std::vector<PgSetting> settings = {};  // of this connection
  uint32_t timeout_s = 30;               // of each call; past it the connection is closed
};

// With stops_with_client() among the settings the server ends a statement within a second after its
// client went away. Without it the statement runs to its end.
PgSetting stops_with_client();

// The states: kIdle, kInTransaction (begin succeeded), kFailed (a statement of the transaction
// failed: only the rollback may follow). Legal moves: kIdle -> kInTransaction -> kFailed, and from
// either of these back to kIdle. A connection that is lost in any state stays broken.
class Db {
 public:
  // open connects; it fails as pg_connect does.
  static absl::StatusOr<std::unique_ptr<Db>> open(const DbOptions& options);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  // query runs one statement and returns its rows, all of them: the statement bounds their number.
  // It fails as sql_status says (base/db/pg_status.h); besides with DEADLINE_EXCEEDED after the
  // timeout and CANCELLED when the result was unwanted, both of which close the connection.
  absl::StatusOr<DbRows> query(const std::string& sql, const std::vector<PgParam>& params = {});
  // query_binary does the same on the frame path, with rows in binary format.
  absl::StatusOr<PgResult> query_binary(const std::string& sql,
                                        const std::vector<PgParam>& params = {});
  // for_each calls `visit` with each row of a statement of any number of rows, which it fetches
  // through a cursor about 1 MiB at a time. It needs an open transaction. It stops at the first
  // error of `visit`, which must read the whole row otherwise.
  absl::Status for_each(const std::string& sql, const std::vector<PgParam>& params,
                        absl::FunctionRef<absl::Status(DbRow&)> visit);
  // run_script runs several statements without parameters.
  absl::Status run_script(const std::string& sql);

  // set_unwanted names a question that another thread asks ten times per second while a statement
  // runs: once it answers true, the statement is cancelled. An empty one ends that.
  void set_unwanted(std::function<bool()> is_unwanted);
  // is_broken returns true when the connection is lost or closed; it stays so.
  bool is_broken() const;
  // frame_path returns the same connection for what base/db/pg.h is for; it lives as long as this.
  PgConnection& frame_path() { return *pg_; }

 private:
  friend class DbTransaction;
  class Pqxx;
  enum class State { kIdle, kInTransaction, kFailed };

  Db(std::unique_ptr<PgConnection> pg, const DbOptions& options);
  absl::Status begin(bool is_snapshot);
  absl::Status commit();
  void roll_back();
  absl::Status guarded(absl::FunctionRef<absl::Status()> work);
  absl::Status drain(const std::string& cursor, absl::FunctionRef<absl::Status(DbRow&)> visit);

  std::unique_ptr<PgConnection> pg_;  // before pqxx_, which uses it to its end
  std::unique_ptr<Pqxx> pqxx_;
  const uint32_t timeout_s_;
  State state_ = State::kIdle;
  uint64_t cursors_ = 0;  // opened so far: their names
  std::function<bool()> is_unwanted_;
};

// DbTransaction is a transaction of a Db, which outlives it. Unless it is committed, it is rolled
// back when it goes out of scope.
class DbTransaction {
 public:
  // begin starts a transaction that may write.
  static absl::StatusOr<DbTransaction> begin(Db& db);
  // begin_snapshot starts a read-only transaction in which each statement sees the same rows.
  static absl::StatusOr<DbTransaction> begin_snapshot(Db& db);
  DbTransaction(DbTransaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  DbTransaction& operator=(DbTransaction&&) = delete;
  ~DbTransaction();

  // commit returns OK only when the commit is certain and no warning came with it; otherwise as
  // PgConnection::transact. FAILED_PRECONDITION when a statement of the transaction had failed.
  absl::Status commit();

 private:
  explicit DbTransaction(Db* db) : db_(db) {}
  Db* db_;  // null when there is nothing to end
};

}  // namespace gatetape
