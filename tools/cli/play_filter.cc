#include "tools/cli/play_filter.h"

#include <algorithm>

#include "base/utf8.h"

namespace gatetape::tools {
namespace {

// is_plain returns true when a sequence is printable ASCII after its ESC. Terminals differ in how
// they read other bytes within a sequence; some take them for controls.
bool is_plain(std::string_view sequence) {
  return std::all_of(sequence.begin() + 1, sequence.end(), [](char c) { return c >= ' '; });
}

// is_input_mode returns true for private modes that change what keys send, or make the terminal
// send bytes by itself: mouse, focus, paste brackets, colors, sizes.
bool is_input_mode(unsigned mode) {
  return mode == 1 || mode == 9 || mode == 66 || mode == 67 || (mode >= 1000 && mode < 1040) ||
         (mode >= 1050 && mode < 1070) || mode == 2004 || mode == 2031 || mode == 2048 ||
         mode == 9001;
}

// may_set checks the parameters of a CSI h or l. Of the modes that are not private, only 4 (insert)
// affects nothing but the screen.
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
  // Queries of device, status, modes, colors and version; reports; windows; printers; locators.
  if (std::string_view("cintuwxyzR{|").find(last) != std::string_view::npos) return false;
  if (parameters.find_first_of("$<=>") != std::string_view::npos) return false;
  if (last == 'p') return parameters == "!";  // soft reset; the others change what keys send
  if (last == 'h' || last == 'l') return may_set(parameters);
  // Of the private sequences, only erasing affects nothing but the screen.
  return parameters.find('?') == std::string_view::npos || last == 'J' || last == 'K';
}

bool may_pass_escape(std::string_view sequence) {
  // The end of a string, which was dropped; the query for an identity; keypad modes.
  if (sequence.size() == 2 && std::string_view("\\Z=>").find(sequence[1]) != std::string_view::npos)
    return false;
  // 8-bit controls; a character set other than UTF-8.
  return sequence.find_first_of(" %") == std::string_view::npos;
}

bool may_pass(const client::VtToken& token) {
  switch (token.type) {
    case client::VtToken::Type::kText:
      return true;
    case client::VtToken::Type::kControl:
      return std::string_view("\a\b\t\n\v\f\r\x0e\x0f").find(token.bytes[0]) !=
             std::string_view::npos;
    case client::VtToken::Type::kEscape:
      return is_plain(token.bytes) && may_pass_escape(token.bytes);
    case client::VtToken::Type::kCsi:
      return is_plain(token.bytes) && may_pass_csi(token.bytes);
  }
  return false;
}

// without_c1 replaces U+0080 to U+009F, which are controls too (U+009B is ESC [ in one character).
// It accepts whole characters.
std::string without_c1(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Front front = utf8_front(text);
    if (front.code >= 0x80 && front.code < 0xa0)
      out += '?';
    else
      out += text.substr(0, front.length);
    text.remove_prefix(front.length);
  }
  return out;
}

}  // namespace

void PlayFilter::resize(client::ScreenSize recorded) {
  if (clip_) clip_->resize(recorded);
}

std::string PlayFilter::feed(std::string_view bytes) {
  std::string out;
  scanner_.feed(bytes, [&](const client::VtToken& token) {
    const bool is_text = token.type == client::VtToken::Type::kText;
    const std::string text = is_text ? without_c1(utf8_.feed(token.bytes)) : utf8_.flush();
    if (!text.empty()) pass({client::VtToken::Type::kText, text}, &out);
    if (!is_text && may_pass(token)) pass(token, &out);
  });
  if (clip_) clip_->sync(&out);
  return out;
}

void PlayFilter::pass(const client::VtToken& token, std::string* out) {
  if (clip_)
    clip_->feed(token, out);
  else
    *out += token.bytes;
}

}  // namespace gatetape::tools
