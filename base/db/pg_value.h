// Values in PostgreSQL's binary format: parameters of both doors of base/db, and the result sets of
// the frame path. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pg_result;

namespace gatetape {

// PgParam is one binary parameter; the constructors return PostgreSQL's binary form of the type
// that the statement casts to ($1::bigint ...).
struct PgParam {
  std::optional<std::string> bytes;  // nullopt is NULL
  static PgParam null();
  static PgParam text(std::string_view value);
  static PgParam bytea(std::string_view value);
  static PgParam uuid(std::string_view sixteen_bytes);
  static PgParam int2(int16_t value);
  static PgParam int4(int32_t value);
  static PgParam int8(int64_t value);
  static PgParam boolean(bool value);
  static PgParam timestamptz(int64_t unix_ns);  // cut to microseconds
};

// PgArray collects a parameter for `any($1::smallint[])` or `unnest($1::bigint[], ...)`.
class PgArray {
 public:
  // The numbers are the OIDs of pg_type (catalog/pg_type.dat).
  enum class Element : uint32_t {
    kBytea = 17,
    kInt8 = 20,
    kInt2 = 21,
    kInt4 = 23,
    kText = 25,
    kTimestamptz = 1184,
    kUuid = 2950,
  };

  explicit PgArray(Element element) : element_(element) {}
  // add appends an element of the array's type, which is not NULL.
  void add(const PgParam& value);
  bool empty() const { return count_ == 0; }
  uint32_t size() const { return count_; }  // number of elements
  // finish returns an array of one dimension, or of none when it is empty.
  PgParam finish() const;

 private:
  Element element_;
  uint32_t count_ = 0;
  std::string elements_;
};

// PgResult is a result set in binary format.
class PgResult {
 public:
  explicit PgResult(pg_result* result);
  int rows() const;
  // affected returns the number of rows that the statement reports: those that INSERT stored.
  uint64_t affected() const;
  bool is_null(int row, int column) const;
  std::string_view bytes(int row, int column) const;  // lives as long as the result
  int64_t int8(int row, int column) const;            // of int2, int4 or int8
  bool boolean(int row, int column) const;
  int64_t timestamptz_ns(int row, int column) const;  // Unix time in ns
  std::string text(int row, int column) const { return std::string(bytes(row, column)); }

 private:
  std::shared_ptr<pg_result> result_;  // shared by copies of this value
};

// unix_ns_of returns the Unix time of a timestamptz, which counts microseconds from 2000-01-01 UTC.
// A time that no int64 holds, such as infinity, becomes the nearest one that an int64 holds.
int64_t unix_ns_of(int64_t timestamptz_us);

}  // namespace gatetape
