#include "tools/cli/play_clip.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "client/output.h"

namespace gatetape::tools {
namespace {

constexpr unsigned kTabColumns = 8;
// Characters that one sequence can repeat: more than a line of any screen.
constexpr unsigned kRepeatsMax = 10'000;

bool has(std::string_view letters, char c) { return letters.find(c) != std::string_view::npos; }

// parameters returns the parameters of a CSI sequence. A missing one is 0.
std::vector<unsigned> parameters(const client::VtToken& token) {
  std::vector<unsigned> numbers(1);
  for (const char c : token.bytes.substr(2)) {
    if (c == ';') numbers.push_back(0);
    if (c >= '0' && c <= '9')
      numbers.back() = std::min(numbers.back() * 10 + static_cast<unsigned>(c - '0'), 9999U);
  }
  return numbers;
}

// parameter returns one of the parameters; a missing one and 0 are `standard`.
unsigned parameter(const client::VtToken& token, size_t index, unsigned standard) {
  const std::vector<unsigned> numbers = parameters(token);
  return index < numbers.size() && numbers[index] != 0 ? numbers[index] : standard;
}

// column_after returns the column to which a sequence moves the cursor from `column`.
std::optional<uint64_t> column_after(const client::VtToken& token, uint64_t column) {
  const uint64_t count = parameter(token, 0, 1);
  const uint64_t stops_before = (column + kTabColumns - 2) / kTabColumns;
  switch (token.final_byte()) {
    case 'C':
    case 'a':
      return column + count;
    case 'D':
      return column > count ? column - count : 1;
    case 'G':
    case '`':
      return count;
    case 'I':
      return ((column - 1) / kTabColumns + count) * kTabColumns + 1;
    case 'Z':
      return stops_before > count ? (stops_before - count) * kTabColumns + 1 : 1;
    default:
      return std::nullopt;
  }
}

}  // namespace

void PlayClip::resize(client::ScreenSize recorded) {
  recorded_ = recorded;
  top_ = 1;
  bottom_ = recorded.rows;
  if (cursor_.row) cursor_.row = std::min(*cursor_.row, recorded.rows);
}

void PlayClip::feed(const client::VtToken& token, std::string* out) {
  switch (token.type) {
    case client::VtToken::Type::kText:
      for (std::string_view rest = token.bytes; !rest.empty();) {
        const size_t length = utf8_front(rest).length;
        put(rest.substr(0, length), out);
        rest.remove_prefix(length);
      }
      return;
    case client::VtToken::Type::kControl:
      return feed_control(token, out);
    case client::VtToken::Type::kEscape:
      return feed_escape(token, out);
    case client::VtToken::Type::kCsi:
      return feed_csi(token, out);
  }
}

void PlayClip::sync(std::string* out) {
  if (!column_differs_ || is_below()) return;
  absl::StrAppend(out, "\x1b[", shown_column(), "G");
  column_differs_ = false;
}

// A character behind the last column waits there for the next one, as in terminals: only that one
// wraps the line.
void PlayClip::put(std::string_view character, std::string* out) {
  last_ = character;
  const auto width = static_cast<unsigned>(client::display_width(last_));
  const unsigned last_column = recorded_.columns + 1 - std::min(width, recorded_.columns);
  if (width > 0 && cursor_.column > last_column) {
    cursor_.column = wraps_ ? 1 : last_column;
    column_differs_ = true;
    if (wraps_) line_feed(out);
  }
  if (!is_below() && cursor_.column + width <= terminal_.columns + 1) {
    if (width > 0) sync(out);  // a mark belongs to the character that was written last
    *out += character;
  }
  cursor_.column += width;
}

void PlayClip::feed_control(const client::VtToken& token, std::string* out) {
  const unsigned column = std::min(cursor_.column, recorded_.columns);
  switch (token.bytes[0]) {
    case '\r':
      cursor_.column = 1;
      if (is_below()) return;
      column_differs_ = false;
      *out += '\r';
      return;
    case '\n':
    case '\v':
    case '\f':
      return line_feed(out);
    case '\b':
      return set_column(column - 1);
    case '\t':
      return set_column((column - 1) / kTabColumns * kTabColumns + kTabColumns + 1);
    default:
      *out += token.bytes;
  }
}

void PlayClip::feed_escape(const client::VtToken& token, std::string* out) {
  switch (token.final_byte()) {
    case '7':
      saved_ = cursor_;
      if (is_below()) return;
      break;
    case '8':
      cursor_ = saved_;
      column_differs_ = true;
      if (is_below()) return;
      break;
    case 'E':
      set_column(1);
      return line_feed(out);
    case 'D':
      return line_feed(out);
    case 'M':
      if (cursor_.row == top_) break;
      return step_rows(token, -1, out);
    case 'H':
      return;  // a tab stop: PlayClip has one at every eighth column
    case 'c':
      reset_modes();
      cursor_ = {};
      is_on_alternate_ = false;
      *out += token.bytes;
      *out += kStart;
      return;
    default:
      break;
  }
  *out += token.bytes;
}

void PlayClip::feed_csi(const client::VtToken& token, std::string* out) {
  const char last = token.final_byte();
  if (move(token, out) || change_mode(token, out) || erase(token, out)) return;
  if (last == 'b')
    for (unsigned i = std::min(parameter(token, 0, 1), kRepeatsMax); i > 0 && !last_.empty(); i--)
      put(std::string(last_), out);
  // Margins and tab stops are not kept. Colours and the form of the cursor always pass.
  if (has("sgb", last) || (is_below() && has("LM", last))) return;
  *out += token.bytes;
}

bool PlayClip::move(const client::VtToken& token, std::string* out) {
  const auto column = column_after(token, std::min(cursor_.column, recorded_.columns));
  if (column) set_column(*column);
  const char last = token.final_byte();
  if (has("EF", last)) set_column(1);
  if (has("Hf", last)) set_column(parameter(token, 1, 1));
  if (has("AF", last)) step_rows(token, -1, out);
  if (has("BeE", last)) step_rows(token, 1, out);
  if (has("dHf", last)) set_row(parameter(token, 0, 1), out);
  if (last == 'r') set_region(token, out);
  return column || has("EFHfABedr", last);
}

// The terminal itself never wraps lines, whatever the recording sets.
bool PlayClip::change_mode(const client::VtToken& token, std::string* out) {
  const char last = token.final_byte();
  if (!has("hlp", last)) return false;
  *out += token.bytes;
  if (last == 'p') {
    reset_modes();
    *out += kStart;
  } else if (token.bytes.starts_with("\x1b[?")) {
    for (const unsigned mode : parameters(token)) set_mode(mode, last == 'h', out);
  }
  return true;
}

void PlayClip::set_mode(unsigned mode, bool is_set, std::string* out) {
  if (mode == 7) {
    wraps_ = is_set;
    *out += kStart;
  }
  if (mode != 47 && mode != 1047 && mode != 1049) return;
  if (is_set && !is_on_alternate_) saved_of_normal_screen_ = cursor_;
  if (!is_set && is_on_alternate_) cursor_ = saved_of_normal_screen_;
  is_on_alternate_ = is_set;
  column_differs_ = true;
}

bool PlayClip::erase(const client::VtToken& token, std::string* out) {
  const char last = token.final_byte();
  if (!has("JKPX@", last)) return false;
  const unsigned what = has("JK", last) ? parameter(token, 0, 0) : 0;
  if (last == 'J' && what == 1 && is_below()) {
    *out += "\x1b[2J";  // all that the terminal shows is above the cursor
    return true;
  }
  const bool is_whole_screen = last == 'J' && what > 1;
  const bool reaches_left = last == 'J' || (last == 'K' && what > 0);
  if (!is_whole_screen && (is_below() || (is_right() && !reaches_left))) return true;
  sync(out);
  *out += token.bytes;
  return true;
}

void PlayClip::set_column(uint64_t column) {
  cursor_.column = static_cast<unsigned>(std::clamp<uint64_t>(column, 1, recorded_.columns));
  column_differs_ = true;
}

void PlayClip::set_row(unsigned row, std::string* out) {
  row = std::min(row, recorded_.rows);
  const bool is_shown = row <= terminal_.rows;
  cursor_.row.reset();
  if (is_on_alternate_ || !is_shown) cursor_.row = row;
  if (!is_shown) return;
  absl::StrAppend(out, "\x1b[", row, ";", shown_column(), "H");
  column_differs_ = false;
}

// step_rows moves the cursor by the count of a sequence in the direction of `rows`, without
// scrolling; a sequence without a count moves it by one.
void PlayClip::step_rows(const client::VtToken& token, int rows, std::string* out) {
  if (!cursor_.row) {
    *out += token.bytes;
    return;
  }
  const bool has_count = token.type == client::VtToken::Type::kCsi;
  const int64_t count = has_count ? parameter(token, 0, 1) : 1;
  const int64_t row = *cursor_.row + count * rows;
  set_row(static_cast<unsigned>(std::clamp<int64_t>(row, 1, recorded_.rows)), out);
}

// When the recorded screen scrolls, the terminal scrolls too, and the cursor is in its last row.
void PlayClip::line_feed(std::string* out) {
  if (cursor_.row && *cursor_.row != bottom_) {
    cursor_.row = std::min(*cursor_.row + 1, recorded_.rows);
    if (!is_below()) *out += '\n';
    return;
  }
  if (is_below()) {
    if (top_ > terminal_.rows) return;
    absl::StrAppend(out, "\x1b[", terminal_.rows, ";", shown_column(), "H");
    column_differs_ = false;
    cursor_.row.reset();
  }
  *out += '\n';
}

void PlayClip::set_region(const client::VtToken& token, std::string* out) {
  top_ = parameter(token, 0, 1);
  bottom_ = std::min(parameter(token, 1, recorded_.rows), recorded_.rows);
  const unsigned shown = std::min(bottom_, terminal_.rows);
  if (top_ < shown)
    absl::StrAppend(out, "\x1b[", top_, ";", shown, "r");
  else
    *out += "\x1b[r";
  set_column(1);
  set_row(1, out);
}

void PlayClip::reset_modes() {
  saved_ = {};
  top_ = 1;
  bottom_ = recorded_.rows;
  wraps_ = true;
  column_differs_ = true;
}

}  // namespace gatetape::tools
