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

// Fields that are kept of an event that is cut: each gets at least 256 bytes.
constexpr size_t kCutFieldsMax = kFactsBytesMax / 256;
constexpr std::string_view kCutMark = "...";

// cut_text returns the beginning of a text with a mark, at most `bytes` long. It does not end in
// the middle of a UTF-8 character.
std::string cut_text(std::string_view text, size_t bytes) {
  size_t end = bytes - kCutMark.size();
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) end--;
  return std::string(text.substr(0, end)).append(kCutMark);
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

std::string Event::encode_within(size_t bytes_max) const {
  CHECK(bytes_max >= kFactsBytesMax, bytes_max);
  std::string whole = encode();
  if (whole.size() <= bytes_max) return whole;
  // Every field gets an equal share, so that a long one does not push out the others.
  const size_t count = std::min(fields_.size(), kCutFieldsMax);
  const size_t share = bytes_max / count - 2 * sizeof(uint32_t) - kKeyBytesMax;
  Event cut;
  for (size_t i = 0; i < count; i++) {
    const auto& [key, value] = fields_[i];
    cut.add(key, value.size() <= share ? value : cut_text(value, share));
  }
  return cut.encode();
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
