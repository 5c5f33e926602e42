#include "tools/cli/play_filter.h"

#include <algorithm>

namespace gatetape::tools {
namespace {

// is_plain tells whether all of a sequence behind its ESC is ASCII; terminals read other bytes in
// it each in their own way, some as controls.
bool is_plain(std::string_view sequence) {
  return std::all_of(sequence.begin() + 1, sequence.end(), [](char c) { return c >= ' '; });
}

// Private modes that change what keys send, or make the terminal send bytes of its own: mouse,
// focus, paste brackets, colors, sizes.
bool is_input_mode(unsigned mode) {
  return mode == 1 || mode == 9 || mode == 66 || mode == 67 || (mode >= 1000 && mode < 1040) ||
         (mode >= 1050 && mode < 1070) || mode == 2004 || mode == 2031 || mode == 2048 ||
         mode == 9001;
}

// may_set takes the parameters of a CSI h or l. Of the modes that are not private only 4, insert,
// is about the screen.
bool may_set(std::string_view parameters) {
  const bool is_private = parameters.starts_with('?');
  unsigned mode = 0;
  for (const char c : std::string(parameters) + ';') {
    if (c >= '0' && c <= '9') {
      mode = std::min(mode * 10 + static_cast<unsigned>(c - '0'), 99999u);
      continue;
    }
    if (is_private ? is_input_mode(mode) : mode != 0 && mode != 4) return false;
    mode = 0;
  }
  return true;
}

bool may_pass_csi(std::string_view sequence) {
  const char last = sequence.back();
  const std::string_view parameters = sequence.substr(2, sequence.size() - 3);
  // Questions of device, status, modes, colors and version, reports, windows, printers, locators.
  if (std::string_view("cintuwxyzR{|").find(last) != std::string_view::npos) return false;
  if (parameters.find_first_of("$<=>") != std::string_view::npos) return false;
  if (last == 'p') return parameters == "!";  // soft reset; others set what keys send
  if (last == 'h' || last == 'l') return may_set(parameters);
  // Of what is private only the erasing is about the screen.
  return parameters.find('?') == std::string_view::npos || last == 'J' || last == 'K';
}

bool may_pass_escape(std::string_view sequence) {
  // The end of a string, none of which passed; who are you; keypad modes.
  if (sequence.size() == 2 && std::string_view("\\Z=>").find(sequence[1]) != std::string_view::npos)
    return false;
  // 8-bit controls; another character set than UTF-8.
  return sequence.find_first_of(" %") == std::string_view::npos;
}

bool may_pass(const VtToken& token) {
  switch (token.type) {
    case VtToken::Type::kText:
      return true;
    case VtToken::Type::kControl:
      return std::string_view("\a\b\t\n\v\f\r\x0e\x0f").find(token.bytes[0]) !=
             std::string_view::npos;
    case VtToken::Type::kEscape:
      return is_plain(token.bytes) && may_pass_escape(token.bytes);
    case VtToken::Type::kCsi:
      return is_plain(token.bytes) && may_pass_csi(token.bytes);
  }
  return false;
}

// U+0080-U+009F are controls too: ESC [ in one character and the like. Takes whole characters.
std::string without_c1(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    const bool c1 = text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    out += c1 ? '?' : text[i];
    if (c1) i++;
  }
  return out;
}

}  // namespace

std::string PlayFilter::feed(std::string_view bytes) {
  std::string out;
  scanner_.feed(bytes, [&](const VtToken& token) {
    if (token.type == VtToken::Type::kText) {
      out += without_c1(utf8_.feed(token.bytes));
      return;
    }
    out += utf8_.flush();
    if (may_pass(token)) out += token.bytes;
  });
  return out;
}

}  // namespace gatetape::tools
