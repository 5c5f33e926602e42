#include "base/db/db_row.h"

#include <algorithm>
#include <pqxx/result>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/db/pg_value.h"

namespace gatetape {

DbRow::DbRow(const pqxx::result& result, int row) {
  const pqxx::row cells = result[static_cast<size_t>(row)];
  cells_.reserve(cells.size());
  for (auto cell = cells.begin(); cell != cells.end(); ++cell) {
    const bool is_null = cell.is_null();
    cells_.push_back(is_null ? std::nullopt
                             : std::make_optional<std::string_view>(cell.c_str(), cell.size()));
    size_bytes_ += cell.size() + sizeof cells_[0];
  }
  CHECK(cells_.size() == cells.size(), cells_.size(), cells.size());
}

bool DbRow::skip_null() {
  CHECK(column_ < cells_.size(), column_);
  if (cells_[column_]) return false;
  column_++;
  return true;
}

std::string_view DbRow::next() {
  CHECK(column_ < cells_.size(), column_);
  const std::optional<std::string_view> cell = cells_[column_++];
  if (!cell) fail("is NULL");
  return cell.value_or(std::string_view(""));
}

void DbRow::fail(const char* what) {
  if (wrong_.empty()) wrong_ = absl::StrCat("column ", column_, " of the answer ", what);
}

absl::Status DbRow::finish() const {
  CHECK(column_ == cells_.size(), column_, cells_.size());
  return wrong_.empty() ? absl::OkStatus() : absl::InternalError(wrong_);
}

bool DbRow::boolean() {
  const std::string_view value = next();
  if (value != "t" && value != "f") fail("is no boolean");
  return value == "t";
}

int64_t DbRow::int8() {
  const std::string_view value = next();
  int64_t number = 0;
  if (!absl::SimpleAtoi(absl::string_view(value.data(), value.size()), &number))
    fail("is no number");
  return number;
}

uint64_t DbRow::count() { return static_cast<uint64_t>(int8()); }

std::string DbRow::text() { return std::string(next()); }

std::string DbRow::bytes() {
  const std::string_view value = next();
  if (!wrong_.empty()) return {};
  std::string bytes;
  if (!value.starts_with("\\x") || !from_hex(value.substr(2), &bytes)) fail("is no bytea");
  return bytes;
}

std::string DbRow::uuid() {
  std::string digits(next());
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  std::string bytes;
  if (!from_hex(digits, &bytes) || bytes.size() != 16) fail("is no uuid");
  return bytes;
}

int64_t DbRow::timestamptz_ns() {
  const std::string binary = bytes();
  ByteReader reader(binary);
  uint64_t us = 0;
  if (!reader.get_u64(&us) || !reader.at_end()) fail("is no timestamptz_send");
  return unix_ns_of(static_cast<int64_t>(us));
}

int DbRows::size() const { return static_cast<int>(result_->size()); }

DbRow DbRows::row(int index) const {
  CHECK(index >= 0 && index < size(), index, size());
  return DbRow(*result_, index);
}

}  // namespace gatetape
