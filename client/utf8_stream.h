// Utf8Stream turns bytes that arrive in pieces into well-formed UTF-8. A character that is split
// between two pieces is returned whole with the second piece. Bytes that are not UTF-8 become
// U+FFFD. Pure; one thread.
#pragma once

#include <string>
#include <string_view>

namespace gatetape::client {

class Utf8Stream {
 public:
  // feed accepts the next bytes and returns every character that is complete.
  std::string feed(std::string_view bytes);
  // flush returns one U+FFFD when a character was left incomplete, else nothing.
  std::string flush();

 private:
  std::string carried_;  // the beginning of a character, at most 3 bytes
};

}  // namespace gatetape::client
