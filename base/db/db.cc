#include "base/db/db.h"

#include <algorithm>
#include <pqxx/nontransaction>
#include <pqxx/transaction>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/db/db_watch.h"
#include "base/db/pg_status.h"
#include "base/db/pqxx_connection.h"

namespace gatetape {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// A cursor fetches about this much at a time, because libpqxx keeps a whole result in memory. The
// size of rows is that of the fetch before, so a fetch takes kRowsMax rows at most; the first one
// knows no size yet and takes kFirstRows.
constexpr int64_t kFetchBytes = 1 << 20;
constexpr int64_t kFirstRows = 64;
constexpr int64_t kRowsMax = 256;

using Snapshot = pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>;

}  // namespace

class Db::Pqxx {
 public:
  explicit Pqxx(const PgConnection& pg) : connection(pg.handle()), watch(pg.socket()) {}

  // run calls `work` with the open transaction, or with one for this statement alone.
  template <typename Work>
  void run(Work work) {
    if (transaction) return work(*transaction);
    pqxx::nontransaction alone(connection);
    work(alone);
  }

  PqxxConnection connection;
  DbWatch watch;
  std::unique_ptr<pqxx::transaction_base> transaction;  // null when none is open
};

PgSetting stops_with_client() { return {"client_connection_check_interval", "1s"}; }

absl::StatusOr<std::unique_ptr<Db>> Db::open(const DbOptions& options) {
  PgTarget target{options.conninfo, options.settings};
  target.settings.push_back({"bytea_output", "hex"});  // as DbRow reads it
  absl::StatusOr<PgHandle> connection = pg_connect(target);
  if (!connection.ok()) return connection.status();
  auto pg = std::make_unique<PgConnection>(*std::move(connection));
  try {
    return std::unique_ptr<Db>(new Db(std::move(pg), options));
  } catch (...) {
    return status_of_exception();
  }
}

Db::Db(std::unique_ptr<PgConnection> pg, const DbOptions& options)
    : pg_(std::move(pg)), pqxx_(std::make_unique<Pqxx>(*pg_)), timeout_s_(options.timeout_s) {
  pg_->set_timeout_s(timeout_s_);
}

Db::~Db() { CHECK(state_ == State::kIdle, "a transaction outlives its connection"); }

void Db::set_unwanted(std::function<bool()> is_unwanted) { is_unwanted_ = std::move(is_unwanted); }

bool Db::is_broken() const { return pg_->is_broken() || !pqxx_->connection.is_open(); }

// guarded runs what talks to the server. A failure leaves an open transaction failed, whatever its
// kind: the server has aborted it, or nobody knows what it did.
absl::Status Db::guarded(absl::FunctionRef<absl::Status()> work) {
  if (is_broken()) return absl::UnavailableError("the connection to the database is lost");
  CHECK(state_ != State::kFailed, "the transaction failed: only a rollback may follow");
  pqxx_->watch.start({system_clock().mono_ns() + int64_t{timeout_s_} * kSecondNs, is_unwanted_});
  absl::Status status;
  try {
    status = work();
  } catch (...) {
    status = status_of_exception();
  }
  if (absl::Status stopped = pqxx_->watch.finish(); !stopped.ok()) {
    pg_->close();
    status = stopped;
  }
  if (!status.ok() && state_ == State::kInTransaction) state_ = State::kFailed;
  return status;
}

absl::StatusOr<DbRows> Db::query(const std::string& sql, const std::vector<PgParam>& params) {
  CHECK((state_ == State::kIdle) == (pqxx_->transaction == nullptr), static_cast<int>(state_), sql);
  auto rows = std::make_shared<pqxx::result>();  // shared with the DbRows that is returned
  const absl::Status status = guarded([&] {
    pqxx_->run([&](auto& transaction) { *rows = pqxx_exec(transaction, sql, params); });
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return DbRows(std::move(rows));
}

absl::StatusOr<PgResult> Db::query_binary(const std::string& sql,
                                          const std::vector<PgParam>& params) {
  absl::StatusOr<PgResult> result = absl::InternalError("the statement did not run");
  const absl::Status status = guarded([&] {
    result = pg_->execute(sql, params);
    return result.status();
  });
  return status.ok() ? std::move(result) : status;
}

absl::Status Db::run_script(const std::string& sql) {
  return guarded([&] {
    pqxx_->run([&](auto& transaction) { transaction.exec(sql); });
    return absl::OkStatus();
  });
}

absl::Status Db::for_each(const std::string& sql, const std::vector<PgParam>& params,
                          absl::FunctionRef<absl::Status(DbRow&)> visit) {
  CHECK(state_ == State::kInTransaction, "a cursor lives in a transaction", sql);
  const std::string cursor = absl::StrCat("gatetape_", ++cursors_);
  absl::Status status =
      query(absl::StrCat("declare ", cursor, " no scroll cursor for ", sql), params).status();
  if (status.ok()) status = drain(cursor, visit);
  if (status.ok()) status = query("close " + cursor).status();
  return status;
}

absl::Status Db::drain(const std::string& cursor, absl::FunctionRef<absl::Status(DbRow&)> visit) {
  int64_t wanted = kFirstRows;
  while (true) {
    CHECK(wanted > 0 && wanted <= kRowsMax, wanted, cursor);  // none would never end
    pqxx::result fetched;
    const absl::Status status = guarded([&] {
      fetched = pqxx_->transaction->exec(absl::StrCat("fetch ", wanted, " from ", cursor));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    int64_t bytes = 0;
    for (int index = 0; index < static_cast<int>(fetched.size()); index++) {
      DbRow row(fetched, index);
      bytes += static_cast<int64_t>(row.size_bytes());
      if (absl::Status visited = visit(row); !visited.ok()) return visited;
      if (absl::Status finished = row.finish(); !finished.ok()) return finished;
    }
    const auto count = static_cast<int64_t>(fetched.size());
    CHECK(count <= wanted, count, wanted);
    if (count < wanted) return absl::OkStatus();
    const int64_t mean_bytes = std::max<int64_t>(1, bytes / count);
    wanted = std::clamp<int64_t>(kFetchBytes / mean_bytes, 1, kRowsMax);
  }
}

absl::Status Db::begin(bool is_snapshot) {
  CHECK(state_ == State::kIdle, "a transaction is not begun twice");
  CHECK(pqxx_->transaction == nullptr, "a transaction was left behind");
  absl::Status status = guarded([&] {
    if (is_snapshot)
      pqxx_->transaction = std::make_unique<Snapshot>(pqxx_->connection);
    else
      pqxx_->transaction = std::make_unique<pqxx::work>(pqxx_->connection);
    return absl::OkStatus();
  });
  if (status.ok()) state_ = State::kInTransaction;
  if (!status.ok()) pqxx_->transaction = nullptr;
  return status;
}

// A COMMIT that the server refused with an ERROR is certainly undone, and the connection lives on.
// Whatever else went wrong with it leaves a doubt.
absl::Status Db::commit() {
  if (state_ == State::kFailed || is_broken()) {
    const bool lost = is_broken();
    roll_back();
    if (lost) return absl::UnavailableError("the connection was lost before the commit");
    return absl::FailedPreconditionError("the transaction had failed and was rolled back");
  }
  CHECK(state_ == State::kInTransaction, "there is no transaction to commit");
  pg_->clear_warning();
  absl::Status status = guarded([&] {
    pqxx_->transaction->commit();
    return absl::OkStatus();
  });
  state_ = State::kIdle;
  pqxx_->transaction = nullptr;
  if (status.ok() && !pg_->was_warned()) return status;
  if (!status.ok() && !is_broken() && !absl::IsAborted(status)) return status;
  pg_->close();
  return absl::AbortedError(absl::StrCat(
      "commit in doubt: ",
      status.ok() ? absl::string_view("the server warned while it committed") : status.message()));
}

void Db::roll_back() {
  CHECK(state_ != State::kIdle, "there is no transaction to roll back");
  state_ = State::kIdle;
  // A failure marks the connection broken, and then the server rolls back by itself.
  guarded([&] {
    pqxx_->transaction->abort();
    return absl::OkStatus();
  }).IgnoreError();
  pqxx_->transaction = nullptr;
}

absl::StatusOr<DbTransaction> DbTransaction::begin(Db& db) {
  if (absl::Status status = db.begin(false); !status.ok()) return status;
  return DbTransaction(&db);
}

absl::StatusOr<DbTransaction> DbTransaction::begin_snapshot(Db& db) {
  if (absl::Status status = db.begin(true); !status.ok()) return status;
  return DbTransaction(&db);
}

DbTransaction::~DbTransaction() {
  if (db_ != nullptr) db_->roll_back();
}

absl::Status DbTransaction::commit() {
  CHECK(db_ != nullptr, "the transaction has ended already");
  return std::exchange(db_, nullptr)->commit();
}

}  // namespace gatetape
