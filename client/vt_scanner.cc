#include "client/vt_scanner.h"

#include <algorithm>
#include <cctype>

namespace gatetape::client {
namespace {

constexpr char kEsc = '\x1b';
// Bytes of a sequence. A longer sequence is dropped; real ones have a few dozen bytes.
constexpr size_t kSequenceBytesMax = 256;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }

}  // namespace

unsigned VtToken::number(unsigned standard) const {
  unsigned value = 0;
  bool any = false;
  for (char c : bytes.substr(std::min<size_t>(2, bytes.size()))) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) break;
    value = std::min(value * 10 + static_cast<unsigned>(c - '0'), 9999u);
    any = true;
  }
  return any ? value : standard;
}

void VtScanner::feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    if (state_ == State::kGround) {
      bytes.remove_prefix(feed_text(bytes, sink));
    } else {
      feed_sequence(bytes[0], sink);
      bytes.remove_prefix(1);
    }
  }
}

// feed_text accepts a run of text or one control. It returns how many bytes that was.
size_t VtScanner::feed_text(std::string_view bytes, const Sink& sink) {
  const auto end = std::find_if(bytes.begin(), bytes.end(), is_control);
  const auto length = static_cast<size_t>(end - bytes.begin());
  if (length > 0) {
    sink({VtToken::Type::kText, bytes.substr(0, length)});
    return length;
  }
  if (bytes[0] == kEsc) {
    state_ = State::kEscape;
    sequence_ = kEsc;
  } else {
    sink({VtToken::Type::kControl, bytes.substr(0, 1)});
  }
  return 1;
}

void VtScanner::feed_sequence(char c, const Sink& sink) {
  if (c == '\x18' || c == '\x1a') {  // CAN and SUB cancel a sequence
    state_ = State::kGround;
    return;
  }
  if (c == kEsc) {
    state_ = State::kEscape;
    sequence_ = kEsc;
    return;
  }
  if (state_ == State::kString) {
    if (c == '\a') state_ = State::kGround;
    return;
  }
  if (is_control(c)) {  // a control acts even within a sequence
    sink({VtToken::Type::kControl, {&c, 1}});
    return;
  }
  if (sequence_.size() < kSequenceBytesMax) sequence_ += c;
  if (state_ == State::kCsi) {
    if (c < '@') return;
    state_ = State::kGround;
    if (sequence_.size() < kSequenceBytesMax) sink({VtToken::Type::kCsi, sequence_});
  } else if (sequence_.size() == 2 && c == '[') {
    state_ = State::kCsi;
  } else if (sequence_.size() == 2 && std::string_view("]PX^_").find(c) != std::string_view::npos) {
    state_ = State::kString;
  } else if (static_cast<unsigned char>(c) >= '0') {  // smaller ones are intermediate bytes
    state_ = State::kGround;
    if (sequence_.size() < kSequenceBytesMax) sink({VtToken::Type::kEscape, sequence_});
  }
}

}  // namespace gatetape::client
