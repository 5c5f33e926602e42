#include "base/db/pg_value.h"

#include <libpq-fe.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

constexpr int64_t kEpoch2000Us = 946'684'800'000'000;  // PostgreSQL counts from 2000-01-01 UTC

PgParam param_of(std::string bytes) {
  PgParam param;
  param.bytes = std::move(bytes);
  return param;
}

// size_fits returns true when a value can be an element of the type.
bool size_fits(PgArray::Element element, size_t size) {
  switch (element) {
    case PgArray::Element::kInt2:
      return size == 2;
    case PgArray::Element::kInt4:
      return size == 4;
    case PgArray::Element::kInt8:
    case PgArray::Element::kTimestamptz:
      return size == 8;
    case PgArray::Element::kUuid:
      return size == 16;
    case PgArray::Element::kBytea:
    case PgArray::Element::kText:
      return true;
  }
  return false;
}

}  // namespace

PgParam PgParam::null() { return {}; }

PgParam PgParam::text(std::string_view value) { return param_of(std::string(value)); }

PgParam PgParam::bytea(std::string_view value) { return param_of(std::string(value)); }

PgParam PgParam::uuid(std::string_view sixteen_bytes) {
  CHECK(sixteen_bytes.size() == 16, sixteen_bytes.size());
  return param_of(std::string(sixteen_bytes));
}

PgParam PgParam::int2(int16_t value) {
  std::string out;
  put_u16(&out, static_cast<uint16_t>(value));
  return param_of(std::move(out));
}

PgParam PgParam::int4(int32_t value) {
  std::string out;
  put_u32(&out, static_cast<uint32_t>(value));
  return param_of(std::move(out));
}

PgParam PgParam::int8(int64_t value) {
  std::string out;
  put_u64(&out, static_cast<uint64_t>(value));
  return param_of(std::move(out));
}

PgParam PgParam::boolean(bool value) { return param_of(std::string(1, value ? '\1' : '\0')); }

PgParam PgParam::timestamptz(int64_t unix_ns) { return int8(unix_ns / 1000 - kEpoch2000Us); }

void PgArray::add(const PgParam& value) {
  CHECK(value.bytes.has_value(), count_);
  CHECK(size_fits(element_, value.bytes->size()), static_cast<uint32_t>(element_),
        value.bytes->size());
  put_string(&elements_, *value.bytes);
  count_++;
}

// The layout is what array_recv reads: the number of dimensions, whether a NULL is among the
// elements, their type; then the length and the first index of the one dimension; then each element
// with its length.
PgParam PgArray::finish() const {
  CHECK(elements_.size() >= size_t{count_} * sizeof(uint32_t), count_, elements_.size());
  std::string out;
  put_u32(&out, count_ > 0 ? 1 : 0);
  put_u32(&out, 0);
  put_u32(&out, static_cast<uint32_t>(element_));
  if (count_ > 0) {
    put_u32(&out, count_);
    put_u32(&out, 1);
  }
  return param_of(out + elements_);
}

PgResult::PgResult(pg_result* result) : result_(result, PQclear) {}

int PgResult::rows() const { return PQntuples(result_.get()); }

uint64_t PgResult::affected() const {
  uint64_t count = 0;  // what a statement without a number reports
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &count) ? count : 0;
}

bool PgResult::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view PgResult::bytes(int row, int column) const {
  CHECK(row >= 0 && row < rows(), row, rows());
  CHECK(column >= 0 && column < PQnfields(result_.get()), column);
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

int64_t PgResult::int8(int row, int column) const {
  ByteReader reader(bytes(row, column));
  uint16_t two = 0;
  uint32_t four = 0;
  uint64_t eight = 0;
  switch (bytes(row, column).size()) {
    case 2:
      CHECK(reader.get_u16(&two));
      return static_cast<int16_t>(two);
    case 4:
      CHECK(reader.get_u32(&four));
      return static_cast<int32_t>(four);
    default:
      CHECK(reader.get_u64(&eight), row, column);
      return static_cast<int64_t>(eight);
  }
}

bool PgResult::boolean(int row, int column) const { return bytes(row, column) == "\1"; }

int64_t PgResult::timestamptz_ns(int row, int column) const {
  return unix_ns_of(int8(row, column));
}

int64_t unix_ns_of(int64_t timestamptz_us) {
  int64_t ns = 0;
  const bool fits = !__builtin_add_overflow(timestamptz_us, kEpoch2000Us, &ns) &&
                    !__builtin_mul_overflow(ns, 1000, &ns);
  if (fits) return ns;
  return timestamptz_us < 0 ? INT64_MIN : INT64_MAX;
}

}  // namespace gatetape
