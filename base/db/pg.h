// The frame path to PostgreSQL, on libpq: binary parameters and results, many statements and their
// COMMIT in one round trip, and the notices that come with a COMMIT. Everything else goes through
// base/db/db.h. A connection never reconnects by itself. One thread at a time uses a connection.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/pg_connect.h"
#include "base/db/pg_value.h"

namespace gatetape {

struct PgClear {
  void operator()(pg_result* result) const;
};
using PgResultHandle = std::unique_ptr<pg_result, PgClear>;

// PgRows is the number of rows that an INSERT must report. A trigger, a rule or a policy of the
// server may keep a row away without an error.
struct PgRows {
  const char* table;
  uint64_t min;
  uint64_t max;
};

// PgStatement is one statement of a transaction.
struct PgStatement {
  const char* sql;  // a constant: each text is prepared once per connection
  std::vector<PgParam> params;
  std::optional<PgRows> stores = {};  // nullopt: the number of rows is not checked
  // A SELECT with a condition returns one row while the condition holds. The text is the error when
  // it does not; nullptr for other statements.
  const char* broken_condition = nullptr;
};

// The states: kIdle (no statement runs; execute and transact may begin), kRunning (one of them sent
// statements and reads their results), kClosed (for good). Legal moves: kIdle -> kRunning -> kIdle,
// and kIdle or kRunning -> kClosed.
class PgConnection {
 public:
  // connect opens a connection; it fails as pg_connect does.
  static absl::StatusOr<std::unique_ptr<PgConnection>> connect(const std::string& conninfo);
  explicit PgConnection(PgHandle connection);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // set_timeout_s bounds every later call (default 30 s). A call that takes longer closes the
  // connection and returns ABORTED when it was a COMMIT, DEADLINE_EXCEEDED otherwise.
  void set_timeout_s(uint32_t seconds);
  // execute runs one statement with parameters and returns its rows in binary format. It fails as
  // sql_status says (base/db/pg_status.h).
  absl::StatusOr<PgResult> execute(const std::string& sql, const std::vector<PgParam>& params = {});
  // transact runs BEGIN, the statements and COMMIT in libpq's pipeline mode and returns each
  // statement's result. That takes one round trip, or two when a statement `stores` rows or is a
  // condition: then COMMIT is sent only after every statement has reported its number of rows, and
  // another number is FAILED_PRECONDITION. It returns OK only when the commit is certain and no
  // warning came with it, because PostgreSQL reports a cancelled wait for a synchronous standby as
  // a warning. ABORTED means in doubt: read the rows again before anything else, on a new
  // connection, because this one is closed. Any other code means certainly not committed, and
  // rolled back.
  absl::StatusOr<std::vector<PgResult>> transact(const std::vector<PgStatement>& statements);
  // clear_warning forgets the warnings so far; was_warned returns true when one came since then.
  void clear_warning() { warned_ = false; }
  bool was_warned() const { return warned_; }
  // is_broken returns true when the connection is lost or closed; it stays so.
  bool is_broken() const;
  // close ends the connection for good. The server sees it at once.
  void close();
  // socket returns the connection's file descriptor, handle libpq's own view of it. Both live as
  // long as this object.
  int socket() const;
  pg_conn* handle() const { return connection_.get(); }

 private:
  enum class State { kIdle, kRunning, kClosed };

  static void on_notice(void* self, const pg_result* notice);
  // enter_running and leave_running are the moves to kRunning and back; UNAVAILABLE when broken.
  absl::Status enter_running();
  void leave_running();
  // next_result waits for the next result of the running query, at most until `deadline_ns`; the
  // result is null at its end.
  absl::StatusOr<PgResultHandle> next_result(int64_t deadline_ns);
  absl::Status pump(int64_t deadline_ns, bool flushing);
  absl::StatusOr<PgResultHandle> finish_query(int sent);
  absl::Status prepare(const std::string& sql);
  absl::Status prepare_all(const std::vector<PgStatement>& statements);
  absl::Status roll_back();
  absl::Status send_prepared(const char* sql, const std::vector<PgParam>& params);
  absl::Status send_pipeline(const std::vector<PgStatement>& statements);
  absl::StatusOr<std::vector<PgResult>> run_pipeline(const std::vector<PgStatement>& statements);
  absl::StatusOr<std::vector<PgResult>> finish_pipeline(const std::vector<PgStatement>& statements);
  absl::Status read_counts(const std::vector<PgStatement>& statements,
                           std::vector<PgResult>* results);
  absl::Status send_end(bool commits);
  absl::Status read_results(size_t results_max, std::vector<PgResult>* results);
  absl::Status doubt(absl::string_view why);  // closes the connection
  absl::Status lost() const;
  int64_t deadline_ns() const;

  PgHandle connection_;
  State state_ = State::kIdle;
  uint32_t timeout_s_ = 30;
  bool warned_ = false;                          // a WARNING arrived since clear_warning
  std::map<std::string, std::string> prepared_;  // the text of a statement -> its name
};

}  // namespace gatetape
