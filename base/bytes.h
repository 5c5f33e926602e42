// ByteReader and its counterparts put_*: the codec of SSH wire fields, which the record format uses
// too. Integers are big-endian. A string is a uint32 length followed by that many bytes (RFC 4251
// section 5). The file also holds hexadecimal, base64 and UTF-8. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatetape {

// ByteReader reads a buffer that it does not own. Each getter advances and returns true. A getter
// that fails returns false and leaves the reader failed: every later getter fails too.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool get_u8(uint8_t* value);
  bool get_u16(uint16_t* value);
  bool get_u32(uint32_t* value);
  bool get_u64(uint64_t* value);
  // get_bytes reads the next `length` bytes as a view, which lives as long as the buffer.
  bool get_bytes(size_t length, std::string_view* value);
  // get_string reads a string with its uint32 length as a view, which lives as long as the buffer.
  bool get_string(std::string_view* value);
  // at_end returns true when every byte was read and no getter failed.
  bool at_end() const { return !failed_ && rest_.empty(); }
  // rest returns the bytes that were not read yet, and nothing after a failure.
  std::string_view rest() const { return failed_ ? std::string_view{} : rest_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// put_u8, put_u16, put_u32 and put_u64 append an integer, most significant byte first.
void put_u8(std::string* out, uint8_t value);
void put_u16(std::string* out, uint16_t value);
void put_u32(std::string* out, uint32_t value);
void put_u64(std::string* out, uint64_t value);
// put_string appends a uint32 length and the bytes. More than 2^32 - 1 bytes fail a CHECK.
void put_string(std::string* out, std::string_view bytes);

// to_hex returns lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
// from_hex parses hexadecimal of either case. It returns false for an odd length or for another
// character.
bool from_hex(std::string_view hex, std::string* bytes);
// to_base64 returns RFC 4648 base64 with padding.
std::string to_base64(std::string_view bytes);
// from_base64 parses RFC 4648 base64 with padding. It returns false for any other form.
bool from_base64(std::string_view text, std::string* bytes);

// is_utf8 returns true for well-formed UTF-8 (RFC 3629) that holds no NUL.
bool is_utf8(std::string_view bytes);
// printable returns text that is safe on a terminal and in a log line: control characters, DEL,
// bidirectional overrides and bytes that are not UTF-8 become \xHH.
std::string printable(std::string_view bytes);

}  // namespace gatetape
