// Event: the payload of every frame that does not carry stream bytes. It is an ordered list of
// (key, value) in the encoding of docs/FORMAT.md section 4. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace gatetape {

// Largest payload of a frame that only describes what happened, in bytes. Longer texts are cut.
constexpr size_t kFactsBytesMax = size_t{64} << 10;

class Event {
 public:
  Event() = default;
  Event(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  // add appends a field. A key has 1 to 64 characters of a-z 0-9 _; a value is any bytes.
  Event& add(std::string_view key, std::string_view value);
  // add_number appends a field whose value is decimal text.
  Event& add_number(std::string_view key, uint64_t value);
  // get returns the first value of a key, or an empty text when the key is missing.
  std::string_view get(std::string_view key) const;
  // has returns true when the key occurs.
  bool has(std::string_view key) const;
  // get_number returns the first value as a decimal number, or 0 when it is not a number.
  uint64_t get_number(std::string_view key) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  // encode returns the payload: a string for each key and for each value, each with its uint32
  // length.
  std::string encode() const;
  // encode_within returns the payload of an event that only describes: when it would be longer than
  // `bytes_max`, its values are cut, and end with "...", so that no text from outside is too long
  // for a frame. `bytes_max` is at least 64 KiB.
  std::string encode_within(size_t bytes_max = kFactsBytesMax) const;
  // decode parses the payload that encode returns. The bytes may be hostile; it fails with
  // INVALID_ARGUMENT for any other form.
  static absl::StatusOr<Event> decode(std::string_view payload);

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace gatetape
