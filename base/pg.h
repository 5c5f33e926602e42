// The one door to libpq: a connection that never reconnects by itself, binary parameters, results and
// COPY. One thread at a time uses a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct pg_conn;
struct pg_result;

namespace gatetape {

// PgParam is one binary parameter; the constructors give PostgreSQL's binary form of the type that the
// statement casts to ($1::bigint ...).
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
  std::shared_ptr<pg_result> result_;
};

// PgCopyRow builds one row of a binary COPY.
class PgCopyRow {
 public:
  explicit PgCopyRow(std::string* out, int16_t columns);
  PgCopyRow& add(const PgParam& value);
  PgCopyRow& add_bytes(std::string_view value);  // a bytea or text without a copy in between

 private:
  std::string* out_;
};

class PgConnection {
 public:
  // connect opens a connection; UNAVAILABLE with libpq's message when it cannot. Waits at most 5 s.
  static absl::StatusOr<std::unique_ptr<PgConnection>> connect(const std::string& conninfo);
  ~PgConnection();

  // set_timeout_s bounds every later call (default 30 s); past it the connection is closed and the call
  // gives ABORTED when it was a COMMIT, DEADLINE_EXCEEDED otherwise.
  void set_timeout_s(uint32_t seconds);
  // execute runs one statement with parameters. ALREADY_EXISTS for SQLSTATE 23505, UNAVAILABLE when the
  // connection is lost, PERMISSION_DENIED for 42501, else INTERNAL; the text holds the SQLSTATE.
  absl::StatusOr<PgResult> execute(const std::string& sql, const std::vector<PgParam>& params = {});
  // run_script runs several statements without parameters (migrations).
  absl::Status run_script(const std::string& sql);
  // copy_in runs `copy T (...) from stdin (format binary)` with rows built by PgCopyRow.
  absl::Status copy_in(const std::string& sql, std::string_view rows);
  // commit runs COMMIT. OK only when it is certain and no warning came with it (a cancelled wait for a
  // synchronous standby is a warning): ABORTED = in doubt, re-read before anything else; other codes =
  // certainly not committed.
  absl::Status commit();
  // stream runs a query and calls `row` for each row in single-row mode; stops early when it gives false.
  absl::Status stream(const std::string& sql, const std::vector<PgParam>& params,
                      const std::function<bool(const PgResult&)>& row);
  bool is_broken() const;

 private:
  explicit PgConnection(pg_conn* connection);
  pg_conn* connection_;
  uint32_t timeout_s_ = 30;
  bool warned_ = false;  // a WARNING arrived since it was last cleared
};

}  // namespace gatetape
