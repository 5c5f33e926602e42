// FieldReader: reads the texts of the log (docs/FORMAT.md section 9) field by field. Each text has
// one form only, so every getter accepts the canonical form alone. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "record/session_id.h"

namespace gatetape {

// Largest number in a text of the log. PostgreSQL's bigint and C2SP's times end here.
constexpr uint64_t kLogNumberMax = INT64_MAX;
// Most hashes of a proof. A tree of 2^63 leaves needs no more, and C2SP allows no more.
constexpr size_t kProofHashesMax = 63;

// parse_decimal reads digits without leading zeroes, at most kLogNumberMax. It returns false, and
// changes nothing, for any other text.
bool parse_decimal(std::string_view text, uint64_t* number);
// parse_hash reads the base64 of 32 bytes. It returns false, and changes nothing, for any other
// text.
bool parse_hash(std::string_view text, Hash* hash);

// FieldReader splits a text into fields that each end with `end`. The bytes may be hostile. After
// the first field that does not have the expected form, the reader has failed: every getter returns
// an empty value, and at_end and ok return false.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text, char end = '\n') : rest_(text), end_(end) {}

  // field returns the next field without its end, as a view of the text.
  std::string_view field();
  // expect fails unless the next field is `text`.
  void expect(std::string_view text);
  // number returns a decimal of at least `least`.
  uint64_t number(uint64_t least = 0);
  // hex returns `count` bytes of lower-case hexadecimal.
  std::string hex(size_t count);
  // base64 returns `count` bytes.
  std::string base64(size_t count);
  Hash hash();
  SessionId session();
  // hashes returns the hashes up to the next empty field, which it skips. It fails when there are
  // more than kProofHashesMax.
  std::vector<Hash> hashes();
  // fail makes the reader fail when `is_bad`: the caller found a value that is not allowed.
  void fail(bool is_bad) { failed_ = failed_ || is_bad; }

  // rest returns what was not read yet.
  std::string_view rest() const { return failed_ ? std::string_view{} : rest_; }
  bool ok() const { return !failed_; }
  // at_end returns true when everything was read and nothing failed.
  bool at_end() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  const char end_;
  bool failed_ = false;
};

}  // namespace gatetape
