// utf8_front: the only decoder of UTF-8 (RFC 3629), by libutf8proc. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gatetape {

// Utf8Front describes the front of some bytes: a character, the beginning of one, or neither.
struct Utf8Front {
  enum class State {
    kCharacter,   // a complete character
    kIncomplete,  // the beginning of a character, which ends where the bytes end
    kInvalid,     // bytes that begin no character
  };
  State state = State::kInvalid;
  size_t length = 1;  // bytes of the character or its beginning, or to replace by one U+FFFD
  uint32_t code = 0;  // code point of a complete character

  // is_character returns true when a complete character stands at the front.
  bool is_character() const { return state == State::kCharacter; }
};

// utf8_front reads the front of `bytes`, which must not be empty. Surrogates, overlong forms and
// code points above U+10FFFF are invalid. An invalid sequence ends before the first byte that
// cannot continue it, as Unicode recommends for replacement ("maximal subpart").
Utf8Front utf8_front(std::string_view bytes);

}  // namespace gatetape
