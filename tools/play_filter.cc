#include "tools/play_filter.h"

namespace gatetape::tools {
namespace {

// Modes that make the terminal send bytes of its own: mouse, focus, paste brackets.
bool sets_reports(const VtToken& token) {
  const char last = token.final_byte();
  if (token.bytes.size() < 3 || token.bytes[2] != '?' || (last != 'h' && last != 'l')) return false;
  for (const char* mode : {"?9", ";9", "100", "101", "2004"})
    if (token.bytes.find(mode) != std::string_view::npos) return true;
  return false;
}

bool may_pass(const VtToken& token) {
  switch (token.type) {
    case VtToken::Type::kText:
      return true;
    case VtToken::Type::kControl:
      return std::string_view("\a\b\t\n\v\f\r\x0e\x0f").find(token.bytes[0]) !=
             std::string_view::npos;
    case VtToken::Type::kEscape:
      return token.final_byte() != 'Z';  // who are you
    case VtToken::Type::kCsi:
      // Device attributes and status, reports, window manipulation, mode and version questions.
      return std::string_view("cntuxyz").find(token.final_byte()) == std::string_view::npos &&
             token.bytes.find('$') == std::string_view::npos &&
             token.bytes.find('>') == std::string_view::npos && !sets_reports(token);
  }
  return false;
}

}  // namespace

std::string PlayFilter::feed(std::string_view bytes) {
  std::string out;
  scanner_.feed(bytes, [&](const VtToken& token) {
    if (!may_pass(token)) return;
    // U+0080-U+009F are controls too: ESC [ in one character and the like.
    for (const char c : token.bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (after_c2_ && byte >= 0x80 && byte <= 0x9f)
        out += '?';
      else
        out += c;
      after_c2_ = byte == 0xc2;
    }
  });
  return out;
}

}  // namespace gatetape::tools
