// Utf8Stream makes well-formed UTF-8 of bytes that come in pieces: a character that is split
// between two pieces comes whole with the second; bytes that are no UTF-8 become U+FFFD. Pure; one
// thread.
#pragma once

#include <string>
#include <string_view>

namespace gatetape {

class Utf8Stream {
 public:
  // feed takes the next bytes and gives all characters that are complete.
  std::string feed(std::string_view bytes);
  // flush gives what is left of a character that never became complete: one U+FFFD, or nothing.
  std::string flush();

 private:
  std::string carried_;  // the beginning of a character, at most 3 bytes
};

}  // namespace gatetape
