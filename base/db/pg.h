// The one door to libpq: a connection that never reconnects by itself, binary parameters and
// results. One thread at a time uses a connection.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct _PQconninfoOption;
struct pg_conn;
struct pg_result;

namespace gatetape {

struct PgClear {
  void operator()(pg_result* result) const;
};
using PgHandle = std::unique_ptr<pg_result, PgClear>;

// PgParam is one binary parameter; the constructors give PostgreSQL's binary form of the type that
// the statement casts to ($1::bigint ...).
struct PgParam {
  std::optional<std::string> bytes;  // nullopt = NULL
  static PgParam null();
  static PgParam text(std::string_view value);
  static PgParam bytea(std::string_view value);
  static PgParam uuid(std::string_view sixteen_bytes);
  static PgParam int2(int16_t value);
  static PgParam int4(int32_t value);
  static PgParam int8(int64_t value);
  static PgParam boolean(bool value);
  static PgParam timestamptz(int64_t unix_ns);  // to microseconds
};

// PgArray collects a parameter for `unnest($1::bigint[], ...)`: a column of many rows at once.
class PgArray {
 public:
  // Of pg_type, catalog/pg_type.dat.
  enum class Element : uint32_t { kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kUuid = 2950 };

  explicit PgArray(Element element) : element_(element) {}
  // add appends an element, which is not NULL.
  void add(const PgParam& value);
  bool empty() const { return count_ == 0; }
  // finish gives the array, of one dimension, or none when it is empty.
  PgParam finish() const;

 private:
  Element element_;
  uint32_t count_ = 0;
  std::string elements_;
};

// PgStatement is one statement of a transaction.
struct PgStatement {
  const char* sql;  // a constant: each text is prepared once a connection
  std::vector<PgParam> params;
};

// PgResult is a result set in binary format.
class PgResult {
 public:
  explicit PgResult(pg_result* result);
  int rows() const;
  bool is_null(int row, int column) const;
  std::string_view bytes(int row, int column) const;  // lives as long as the result
  int64_t int8(int row, int column) const;            // of int2, int4 or int8
  bool boolean(int row, int column) const;
  int64_t timestamptz_ns(int row, int column) const;  // Unix ns
  std::string text(int row, int column) const { return std::string(bytes(row, column)); }

 private:
  std::shared_ptr<pg_result> result_;  // shared by copies of this value
};

class PgConnection {
 public:
  // connect opens a connection; INVALID_ARGUMENT for what is no conninfo, UNAVAILABLE with libpq's
  // message when it cannot. Waits at most 5 s, for each of several hosts.
  static absl::StatusOr<std::unique_ptr<PgConnection>> connect(const std::string& conninfo);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // set_timeout_s bounds every later call (default 30 s); past it the connection is closed and the
  // call gives ABORTED when it was a COMMIT, DEADLINE_EXCEEDED otherwise.
  void set_timeout_s(uint32_t seconds);
  // execute runs one statement with parameters. ALREADY_EXISTS for SQLSTATE 23505, UNAVAILABLE when
  // the connection is lost, PERMISSION_DENIED for 42501, INVALID_ARGUMENT for the rest of the
  // classes 22 and 23 (the data does not fit), DATA_LOSS for a page or index that is damaged, else
  // INTERNAL; the text holds the SQLSTATE.
  absl::StatusOr<PgResult> execute(const std::string& sql, const std::vector<PgParam>& params = {});
  // run_script runs several statements without parameters (migrations).
  absl::Status run_script(const std::string& sql);
  // commit runs COMMIT. OK only when it is certain and no warning came with it (a cancelled wait
  // for a synchronous standby is a warning): ABORTED = in doubt, re-read before anything else
  // (on a new connection: this one is closed); other codes = certainly not committed.
  absl::Status commit();
  // transact runs BEGIN, the statements and COMMIT in one round trip (libpq's pipeline mode) and
  // gives each statement's result. ABORTED = in doubt as with commit(); the codes of execute =
  // certainly not committed, and rolled back.
  absl::StatusOr<std::vector<PgResult>> transact(const std::vector<PgStatement>& statements);
  // is_broken tells that the connection is lost or was closed; it stays so.
  bool is_broken() const;

 private:
  explicit PgConnection(pg_conn* connection);
  static absl::StatusOr<std::unique_ptr<PgConnection>> connect_to(const _PQconninfoOption* options,
                                                                  size_t host);
  static void on_notice(void* self, const pg_result* notice);
  absl::Status wait_connected();
  // next_result waits for the next result of the running query, at most until `deadline_ns`; the
  // result is null at its end.
  absl::StatusOr<PgHandle> next_result(int64_t deadline_ns);
  absl::Status pump(int64_t deadline_ns, bool flushing);
  absl::StatusOr<PgHandle> finish_query(int sent);
  absl::Status prepare(const std::string& sql);
  absl::Status prepare_all(const std::vector<PgStatement>& statements);
  absl::Status send_prepared(const char* sql, const std::vector<PgParam>& params);
  absl::Status send_pipeline(const std::vector<PgStatement>& statements);
  absl::StatusOr<std::vector<PgResult>> read_pipeline(size_t queries);
  void give_up();
  absl::Status doubt(absl::string_view why);  // gives the connection up
  absl::Status lost();
  int64_t deadline_ns() const;

  pg_conn* connection_;  // null once it was given up
  uint32_t timeout_s_ = 30;
  bool warned_ = false;                          // a WARNING arrived since it was last cleared
  std::map<std::string, std::string> prepared_;  // statement text -> its name
};

}  // namespace gatetape
