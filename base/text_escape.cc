#include "base/text_escape.h"

#include <algorithm>

#include "base/bytes.h"

namespace gatetape {

// A backslash is part of no longer character, so that the parts between backslashes are escaped on
// their own.
std::string escape_text(std::string_view bytes) {
  std::string text;
  for (;;) {
    const size_t end = std::min(bytes.find('\\'), bytes.size());
    text += printable(bytes.substr(0, end));
    if (end == bytes.size()) return text;
    text += "\\\\";
    bytes.remove_prefix(end + 1);
  }
}

std::string unescape_text(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    std::string byte;
    if (text.starts_with("\\x") && text.size() >= 4 && from_hex(text.substr(2, 2), &byte)) {
      bytes += byte;
      text.remove_prefix(4);
      continue;
    }
    bytes += text.front();
    text.remove_prefix(text.starts_with("\\\\") ? 2 : 1);
  }
  return bytes;
}

}  // namespace gatetape
