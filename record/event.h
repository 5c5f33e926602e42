// Event: the payload of a frame that is no stream bytes: an ordered list of (key, value), written
// by our own codec (docs/FORMAT.md section 4). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace gatetape {

class Event {
 public:
  Event() = default;
  Event(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  // add appends a field. Keys are lower_snake_case ASCII of 1-64 characters; values are any bytes.
  Event& add(std::string_view key, std::string_view value);
  Event& add_number(std::string_view key, uint64_t value);
  // get gives the first value of a key, empty when there is none.
  std::string_view get(std::string_view key) const;
  bool has(std::string_view key) const;
  // get_number gives the first value as a decimal number, 0 when it is none.
  uint64_t get_number(std::string_view key) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  // encode gives the payload: for each field a string key and a string value (uint32 lengths).
  std::string encode() const;
  // decode parses encode's form; INVALID_ARGUMENT for anything else (hostile bytes).
  static absl::StatusOr<Event> decode(std::string_view payload);

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace gatetape
