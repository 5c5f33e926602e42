#include "base/bytes.h"

#include <array>

#include "absl/strings/escaping.h"
#include "base/check.h"
#include "base/utf8.h"

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

// is_control returns true for C0 and C1 controls, DEL, and what changes the direction of text or
// ends a line: left-to-right marks, embeddings, overrides, isolates, line separators.
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
  // Abseil also accepts spaces and missing padding. Two different texts would then decode to one
  // key and look like two keys, so only the canonical text is accepted.
  return absl::Base64Unescape({text.data(), text.size()}, bytes) && to_base64(*bytes) == text;
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Utf8Front front = utf8_front(bytes);
    if (!front.is_character() || front.code == 0) return false;
    bytes.remove_prefix(front.length);
  }
  return true;
}

std::string printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const Utf8Front front = utf8_front(bytes);
    const std::string_view part = bytes.substr(0, front.length);
    if (front.is_character() && !is_control(front.code)) {
      out += part;
    } else {
      for (char c : part) out += "\\x" + to_hex({&c, 1});
    }
    bytes.remove_prefix(front.length);
  }
  return out;
}

}  // namespace gatetape
