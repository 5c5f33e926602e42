#include "record/event.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

constexpr size_t kKeyBytesMax = 64;

bool is_key(std::string_view key) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !key.empty() && key.size() <= kKeyBytesMax && std::all_of(key.begin(), key.end(), allowed);
}

}  // namespace

Event& Event::add(std::string_view key, std::string_view value) {
  fields_.emplace_back(key, value);
  return *this;
}

Event& Event::add_number(std::string_view key, uint64_t value) {
  return add(key, std::to_string(value));
}

std::string_view Event::get(std::string_view key) const {
  for (const auto& [name, value] : fields_)
    if (name == key) return value;
  return {};
}

bool Event::has(std::string_view key) const {
  auto named = [key](const auto& field) { return field.first == key; };
  return std::any_of(fields_.begin(), fields_.end(), named);
}

uint64_t Event::get_number(std::string_view key) const {
  uint64_t number = 0;
  const std::string_view text = get(key);
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) ? number : 0;
}

std::string Event::encode() const {
  size_t size = 0;
  for (const auto& [key, value] : fields_) size += 2 * sizeof(uint32_t) + key.size() + value.size();
  std::string out;
  out.reserve(size);
  for (const auto& [key, value] : fields_) {
    CHECK(!key.empty() && key.size() <= kKeyBytesMax, key);
    put_string(&out, key);
    put_string(&out, value);
  }
  CHECK(out.size() == size, out.size(), size);
  return out;
}

absl::StatusOr<Event> Event::decode(std::string_view payload) {
  Event event;
  ByteReader reader(payload);
  while (!reader.at_end()) {
    std::string_view key;
    std::string_view value;
    if (!reader.get_string(&key) || !reader.get_string(&value) || !is_key(key))
      return absl::InvalidArgumentError("the payload is not a list of (key, value) strings");
    event.add(key, value);
  }
  return event;
}

}  // namespace gatetape
