// What a statement of Db returns: rows whose columns are read one after the other, in the order of
// the select list, into a struct. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace pqxx {
class result;
}

namespace gatetape {

// DbRow reads one row. Each reader returns the next column and moves on. A NULL, or a text that is
// no value of the type, makes the row bad for good: readers then return empty values, and finish
// returns what was wrong.
class DbRow {
 public:
  // The row borrows from the result.
  DbRow(const pqxx::result& result, int row);

  bool boolean();
  int64_t int8();    // smallint, integer or bigint
  uint64_t count();  // the same, as the unsigned number that was stored
  std::string text();
  std::string bytes();  // bytea
  std::string uuid();   // its 16 bytes
  // timestamptz_ns returns Unix time in ns. The column is timestamptz_send(at): the text form of a
  // timestamptz depends on settings, its binary form does not.
  int64_t timestamptz_ns();
  // maybe reads a column that may be NULL: row.maybe(&DbRow::text).
  template <typename Value>
  std::optional<Value> maybe(Value (DbRow::*read)()) {
    if (skip_null()) return std::nullopt;
    return (this->*read)();
  }
  // finish returns OK when all columns were read; INTERNAL when one was not what was asked for.
  absl::Status finish() const;
  // size_bytes returns the estimated memory of all its values.
  size_t size_bytes() const { return size_bytes_; }

 private:
  bool skip_null();
  std::string_view next();  // lives as long as the result
  void fail(const char* what);

  // All columns, nullopt for NULL. They are collected at once, because libpqxx copies a handle to
  // the whole result for each column that is asked for.
  std::vector<std::optional<std::string_view>> cells_;
  size_t column_ = 0;  // the next one
  size_t size_bytes_ = 0;
  std::string wrong_;
};

// DbRows is a result set. It was fetched whole, so its statement bounds its size.
class DbRows {
 public:
  explicit DbRows(std::shared_ptr<const pqxx::result> result) : result_(std::move(result)) {}

  int size() const;
  DbRow row(int index) const;  // borrows from this object

 private:
  std::shared_ptr<const pqxx::result> result_;  // shared by copies of this value
};

// read_rows returns what `read` makes of each row; it fails when a row is bad.
template <typename Read>
auto read_rows(const DbRows& rows, Read read)
    -> absl::StatusOr<std::vector<decltype(read(std::declval<DbRow&>()))>> {
  std::vector<decltype(read(std::declval<DbRow&>()))> values;
  values.reserve(static_cast<size_t>(rows.size()));
  for (int index = 0; index < rows.size(); index++) {
    DbRow row = rows.row(index);
    values.push_back(read(row));
    if (absl::Status status = row.finish(); !status.ok()) return status;
  }
  return values;
}

}  // namespace gatetape
