// The one door for parsing foreign bytes, and its opposite. All integers are big-endian, a string
// is a uint32 length and that many bytes (RFC 4251 section 5). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatetape {

// ByteReader walks a buffer that it does not own. Each getter advances and returns true, or fails,
// returns false and leaves the reader failed for good: every later getter fails too.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool get_u8(uint8_t* value);
  bool get_u16(uint16_t* value);
  bool get_u32(uint32_t* value);
  bool get_u64(uint64_t* value);
  // get_bytes gives a view of the next `length` bytes; it lives as long as the buffer.
  bool get_bytes(size_t length, std::string_view* value);
  // get_string gives a view of a uint32-length-prefixed string.
  bool get_string(std::string_view* value);
  // at_end is true when every byte was read and nothing failed.
  bool at_end() const { return !failed_ && rest_.empty(); }
  std::string_view rest() const { return failed_ ? std::string_view{} : rest_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

void put_u8(std::string* out, uint8_t value);
void put_u16(std::string* out, uint16_t value);
void put_u32(std::string* out, uint32_t value);
void put_u64(std::string* out, uint64_t value);
// put_string appends a uint32 length and the bytes; the bytes must be fewer than 2^32.
void put_string(std::string* out, std::string_view bytes);

// to_hex gives lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
// from_hex parses hexadecimal of either case; false for an odd length or another character.
bool from_hex(std::string_view hex, std::string* bytes);
// to_base64 is RFC 4648 with padding.
std::string to_base64(std::string_view bytes);
// from_base64 parses RFC 4648 with padding; false for anything else.
bool from_base64(std::string_view text, std::string* bytes);

// is_utf8 tells whether the bytes are well-formed UTF-8 (RFC 3629) without NUL.
bool is_utf8(std::string_view bytes);
// printable gives text that is safe to show on a terminal or in a log line: control characters,
// DEL, bidirectional overrides and bytes that are not UTF-8 become \xHH.
std::string printable(std::string_view bytes);

}  // namespace gatetape
