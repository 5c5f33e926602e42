#include "base/bytes.h"

#include <array>

#include "absl/strings/escaping.h"
#include "base/check.h"

namespace gatetape {
namespace {

template <typename Int>
bool read_int(ByteReader* reader, Int* value) {
  std::string_view bytes;
  if (!reader->get_bytes(sizeof(Int), &bytes)) return false;
  uint64_t result = 0;
  for (char c : bytes) result = result << 8 | static_cast<uint8_t>(c);
  *value = static_cast<Int>(result);
  return true;
}

template <typename Int>
void write_int(std::string* out, Int value) {
  std::array<char, sizeof(Int)> bytes;
  for (size_t i = 0; i < sizeof(Int); i++)
    bytes[i] =
        static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof(Int) - 1 - i)) & 0xff);
  out->append(bytes.data(), bytes.size());
}

// Length of the well-formed UTF-8 sequence at the start of `bytes`, 0 when there is none; its code
// point in *code.
size_t utf8_sequence(std::string_view bytes, uint32_t* code) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return *code = lead, 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < length) return 0;
  uint32_t value = lead & (0x7fU >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (at(i) & 0x3fU);
  }
  const uint32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
  *code = value;
  return length;
}

bool is_control(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

bool ByteReader::get_bytes(size_t length, std::string_view* value) {
  if (failed_ || length > rest_.size()) {
    failed_ = true;
    return false;
  }
  *value = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return true;
}

bool ByteReader::get_u8(uint8_t* value) { return read_int(this, value); }
bool ByteReader::get_u16(uint16_t* value) { return read_int(this, value); }
bool ByteReader::get_u32(uint32_t* value) { return read_int(this, value); }
bool ByteReader::get_u64(uint64_t* value) { return read_int(this, value); }

bool ByteReader::get_string(std::string_view* value) {
  uint32_t length = 0;
  return get_u32(&length) && get_bytes(length, value);
}

void put_u8(std::string* out, uint8_t value) { write_int(out, value); }
void put_u16(std::string* out, uint16_t value) { write_int(out, value); }
void put_u32(std::string* out, uint32_t value) { write_int(out, value); }
void put_u64(std::string* out, uint64_t value) { write_int(out, value); }

void put_string(std::string* out, std::string_view bytes) {
  CHECK(bytes.size() <= UINT32_MAX, bytes.size());
  put_u32(out, static_cast<uint32_t>(bytes.size()));
  out->append(bytes);
}

std::string to_hex(std::string_view bytes) {
  return absl::BytesToHexString({bytes.data(), bytes.size()});
}

bool from_hex(std::string_view hex, std::string* bytes) {
  if (hex.size() % 2 != 0) return false;
  if (hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return false;
  *bytes = absl::HexStringToBytes({hex.data(), hex.size()});
  return true;
}

std::string to_base64(std::string_view bytes) {
  return absl::Base64Escape({bytes.data(), bytes.size()});
}

bool from_base64(std::string_view text, std::string* bytes) {
  // Abseil also takes spaces, other padding and none: two texts of one key would look like two
  // keys.
  return absl::Base64Unescape({text.data(), text.size()}, bytes) && to_base64(*bytes) == text;
}

bool is_utf8(std::string_view bytes) {
  uint32_t code = 0;
  while (!bytes.empty()) {
    const size_t length = utf8_sequence(bytes, &code);
    if (length == 0 || code == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view bytes) {
  std::string out;
  uint32_t code = 0;
  while (!bytes.empty()) {
    const size_t length = utf8_sequence(bytes, &code);
    const size_t taken = length == 0 ? 1 : length;
    if (length == 0 || is_control(code)) {
      for (char c : bytes.substr(0, taken)) out += "\\x" + to_hex({&c, 1});
    } else {
      out += bytes.substr(0, taken);
    }
    bytes.remove_prefix(taken);
  }
  return out;
}

}  // namespace gatetape
