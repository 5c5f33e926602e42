#include "base/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace gatetape {
namespace {

constexpr size_t kCharacterBytesMax = 4;

// Returns the length of the complete character at the front, 0 when there is none.
size_t character_length(const uint8_t* bytes, size_t count, int32_t* code) {
  const utf8proc_ssize_t length =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(count), code);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

// Returns whether some continuation makes a character of these bytes. The lowest and the highest
// continuation bytes are enough to try: each first byte accepts one of them behind it.
bool begins_character(std::string_view bytes) {
  for (const uint8_t filler : {uint8_t{0x80}, uint8_t{0xbf}}) {
    std::array<uint8_t, kCharacterBytesMax> whole;
    whole.fill(filler);
    std::copy(bytes.begin(), bytes.end(), whole.begin());
    int32_t code = 0;
    if (character_length(whole.data(), whole.size(), &code) > bytes.size()) return true;
  }
  return false;
}

}  // namespace

Utf8Front utf8_front(std::string_view bytes) {
  CHECK(!bytes.empty());
  int32_t code = 0;
  const size_t length =
      character_length(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &code);
  if (length > 0) return {Utf8Front::State::kCharacter, length, static_cast<uint32_t>(code)};
  Utf8Front front;
  for (size_t n = std::min(bytes.size(), kCharacterBytesMax - 1); n > 0; n--) {
    if (!begins_character(bytes.substr(0, n))) continue;
    front.length = n;
    if (n == bytes.size()) front.state = Utf8Front::State::kIncomplete;
    break;
  }
  return front;
}

}  // namespace gatetape
