#include "base/utf8.h"

#include "base/check.h"

namespace gatetape {
namespace {

// Lead describes what a first byte requires: the length of the character, and the range of its
// second byte (RFC 3629 section 4). A length of 0 means that no character begins with this byte.
struct Lead {
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {.length = 1};
  if (byte >= 0xc2 && byte <= 0xdf) return {.length = 2};
  if (byte == 0xe0) return {.length = 3, .low = 0xa0};
  if (byte == 0xed) return {.length = 3, .high = 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {.length = 3};
  if (byte == 0xf0) return {.length = 4, .low = 0x90};
  if (byte >= 0xf1 && byte <= 0xf3) return {.length = 4};
  if (byte == 0xf4) return {.length = 4, .high = 0x8f};
  return {};
}

}  // namespace

Utf8Front utf8_front(std::string_view bytes) {
  CHECK(!bytes.empty());
  const auto at = [bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const Lead lead = lead_of(at(0));
  if (lead.length == 0) return {};
  Utf8Front front;
  front.code = lead.length == 1 ? at(0) : at(0) & (0x7fU >> lead.length);
  while (front.length < lead.length && front.length < bytes.size()) {
    const uint8_t byte = at(front.length);
    const bool is_second = front.length == 1;
    if (byte < (is_second ? lead.low : 0x80) || byte > (is_second ? lead.high : 0xbf)) return front;
    front.code = front.code << 6 | (byte & 0x3fU);
    front.length++;
  }
  front.state =
      front.length == lead.length ? Utf8Front::State::kCharacter : Utf8Front::State::kIncomplete;
  return front;
}

}  // namespace gatetape
