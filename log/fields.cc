#include "log/fields.h"

#include <algorithm>

#include "base/bytes.h"

namespace gatetape {

bool parse_decimal(std::string_view text, uint64_t* number) {
  constexpr size_t kDigitsMax = 19;  // 2^63 - 1 has 19 digits, and 10^19 fits into uint64.
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > kDigitsMax || !std::all_of(text.begin(), text.end(), is_digit))
    return false;
  if (text.size() > 1 && text[0] == '0') return false;
  uint64_t value = 0;
  for (char c : text) value = value * 10 + static_cast<uint64_t>(c - '0');
  if (value > kLogNumberMax) return false;
  *number = value;
  return true;
}

bool parse_hash(std::string_view text, Hash* hash) {
  std::string bytes;
  return text.size() == 44 && from_base64(text, &bytes) && to_hash(bytes, hash);
}

std::string_view FieldReader::field() {
  const size_t at = rest().find(end_);
  fail(at == std::string_view::npos);
  if (failed_) return {};
  const std::string_view found = rest_.substr(0, at);
  rest_.remove_prefix(at + 1);
  return found;
}

void FieldReader::expect(std::string_view text) { fail(field() != text); }

uint64_t FieldReader::number(uint64_t least) {
  uint64_t value = 0;
  fail(!parse_decimal(field(), &value) || value < least);
  return failed_ ? 0 : value;
}

std::string FieldReader::hex(size_t count) {
  const std::string_view text = field();
  std::string bytes;
  fail(text.size() != 2 * count || !from_hex(text, &bytes) || to_hex(bytes) != text);
  return failed_ ? std::string() : bytes;
}

std::string FieldReader::base64(size_t count) {
  std::string bytes;
  fail(!from_base64(field(), &bytes) || bytes.size() != count);
  return failed_ ? std::string() : bytes;
}

Hash FieldReader::hash() {
  Hash hash{};
  fail(!parse_hash(field(), &hash));
  return hash;
}

SessionId FieldReader::session() {
  const std::string_view text = field();
  const auto id = SessionId::from_text(text);
  fail(!id.ok() || id->to_text() != text);
  return failed_ ? SessionId() : *id;
}

std::vector<Hash> FieldReader::hashes() {
  std::vector<Hash> hashes;
  while (ok() && !rest_.starts_with(end_)) {
    hashes.push_back(hash());
    fail(hashes.size() > kProofHashesMax);
  }
  field();
  return failed_ ? std::vector<Hash>() : hashes;
}

}  // namespace gatetape
