#include "client/text_filter.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/utf8.h"

namespace gatetape::client {
namespace {

// Characters of a line. A longer line is broken there, so that output without an end of line cannot
// fill the memory.
constexpr size_t kLineCharactersMax = 16 * 1024;

}  // namespace

std::string TextFilter::feed(std::string_view bytes) {
  scanner_.feed(bytes, [this](const VtToken& token) { take(token); });
  return std::exchange(out_, {});
}

std::string TextFilter::flush() {
  take_text(utf8_.flush());
  if (!line_.empty()) end_line();
  return std::exchange(out_, {});
}

void TextFilter::take(const VtToken& token) {
  if (token.type == VtToken::Type::kText) return take_text(utf8_.feed(token.bytes));
  take_text(utf8_.flush());
  if (token.type == VtToken::Type::kControl) take_control(token.bytes[0]);
  if (token.type == VtToken::Type::kCsi) take_csi(token);
}

// take_text accepts whole characters.
void TextFilter::take_text(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_front(text).length;
    // The scanner takes U+009B and bidirectional overrides for text; printable escapes them.
    std::string character = printable(text.substr(0, length));
    if (cursor_ < line_.size())
      line_[cursor_] = std::move(character);
    else
      line_.push_back(std::move(character));
    cursor_++;
    text.remove_prefix(length);
    if (line_.size() == kLineCharactersMax) end_line();
  }
}

void TextFilter::take_control(char c) {
  if (c == '\n') end_line();
  if (c == '\r') cursor_ = 0;
  if (c == '\b' && cursor_ > 0) cursor_--;
  if (c == '\t') {
    line_.resize(cursor_);
    line_.push_back("\t");
    cursor_++;
    if (line_.size() == kLineCharactersMax) end_line();
  }
}

void TextFilter::take_csi(const VtToken& token) {
  const auto at = [this](size_t index) { return line_.begin() + static_cast<long>(index); };
  const size_t count = std::max(1u, token.number(1));
  const size_t behind = std::min(count, line_.size() - cursor_);
  switch (token.final_byte()) {
    case 'K':
      if (token.number(0) == 0) line_.resize(cursor_);
      if (token.number(0) == 2) line_.assign(cursor_, " ");
      break;
    case 'P':
      line_.erase(at(cursor_), at(cursor_ + behind));
      break;
    case '@':
      line_.insert(at(cursor_), std::min(count, kLineCharactersMax - line_.size()), " ");
      break;
    case 'C':
      cursor_ = std::min(cursor_ + count, kLineCharactersMax - 1);
      if (cursor_ > line_.size()) line_.resize(cursor_, " ");
      break;
    case 'D':
      cursor_ -= std::min(count, cursor_);
      break;
    case 'A':
    case 'B':
    case 'H':
    case 'J':
    case 'd':
    case 'f':
      if (!line_.empty()) end_line();
      break;
    default:
      break;
  }
}

void TextFilter::end_line() {
  while (!line_.empty() && line_.back() == " ") line_.pop_back();
  for (const std::string& character : line_) out_ += character;
  out_ += '\n';
  line_.clear();
  cursor_ = 0;
}

}  // namespace gatetape::client
