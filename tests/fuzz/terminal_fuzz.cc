// Fuzz target of the readers of hostile terminal output: scanner, text, play, UTF-8 and casts. The
// input is the places to divide the output, then the bytes of the output.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "client/cast.h"
#include "client/text_filter.h"
#include "client/utf8_stream.h"
#include "client/vt_scanner.h"
#include "record/event.h"
#include "tests/fuzz/fuzz.h"
#include "tools/cli/play_filter.h"

namespace gatetape::fuzz {
namespace {

using Pieces = std::vector<std::string_view>;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }

// filtered returns everything that a filter returns for some pieces. `flush` is the flush function
// of the filter, if it has one.
template <typename Filter>
std::string filtered(const Pieces& pieces) {
  Filter filter;
  std::string out;
  for (std::string_view piece : pieces) out += filter.feed(piece);
  if constexpr (requires { filter.flush(); }) out += filter.flush();
  return out;
}

// text_on_screen returns what a terminal shows, in its order: the output without controls and
// sequences.
std::string text_on_screen(std::string_view bytes) {
  enum { kGround, kEscape, kIntermediate, kCsi, kString } state = kGround;
  std::string shown;
  for (const char c : bytes) {
    if (c == '\x1b') {
      state = kEscape;
    } else if (c == '\x18' || c == '\x1a' || (state == kString && c == '\a')) {
      state = kGround;
    } else if (state == kString || is_control(c)) {
      continue;
    } else if (state == kGround) {
      shown += c;
    } else if (state == kEscape && c == '[') {
      state = kCsi;
    } else if (state == kEscape && std::string_view("]PX^_").find(c) != std::string_view::npos) {
      state = kString;
    } else if (state == kCsi) {
      if (c >= '@') state = kGround;
    } else {
      state = c >= ' ' && c < '0' ? kIntermediate : kGround;
    }
  }
  return shown;
}

// tokens joins runs of text, because the output may be divided anywhere.
std::vector<std::string> tokens(const Pieces& pieces) {
  client::VtScanner scanner;
  std::vector<std::string> all;
  bool after_text = false;
  for (std::string_view piece : pieces) {
    scanner.feed(piece, [&](const client::VtToken& token) {
      CHECK(!token.bytes.empty() && token.bytes.size() <= std::max<size_t>(piece.size(), 256));
      const bool text = token.type == client::VtToken::Type::kText;
      if (text) CHECK(std::none_of(token.bytes.begin(), token.bytes.end(), is_control));
      if (text && after_text)
        all.back() += token.bytes;
      else
        all.emplace_back(token.bytes);
      after_text = text;
    });
  }
  return all;
}

void check_text(const std::string& text) {
  constexpr size_t kCharactersMax = 16 * 1024;
  std::string shown = text;
  size_t characters = 0;  // characters of the line
  bool escaped = false;   // the line has a backslash, which may stand for one character
  for (char& c : shown) {
    characters += (c & 0xc0) != 0x80 && c != '\n' ? 1 : 0;
    escaped = escaped || c == '\\';
    CHECK(escaped || characters <= kCharactersMax, characters);
    if (c == '\n') {
      characters = 0;
      escaped = false;
    }
    if (c == '\n' || c == '\t') c = ' ';
  }
  check_shown(shown);
  CHECK(text.empty() || text.back() == '\n');
}

// sequence_of returns the sequence at the front of `rest`, with its ESC (ECMA-48 without control
// strings).
std::string_view sequence_of(std::string_view rest) {
  const auto is_in = [](char c, char low, char high) { return c >= low && c <= high; };
  size_t end = 1;
  const bool csi = rest.size() > 1 && rest[1] == '[';
  if (csi) end++;
  const char high = csi ? '\x3f' : '\x2f';
  while (end < rest.size() && is_in(rest[end], '\x20', high)) end++;
  CHECK(end < rest.size(), printable(rest));
  CHECK(is_in(rest[end], csi ? '@' : '0', '~'), printable(rest.substr(0, end + 1)));
  return rest.substr(0, end + 1);
}

// Sequences that a terminal answers, or that change what it sends, by the list of xterm.
void check_sequence(std::string_view sequence) {
  const char last = sequence.back();
  const auto has = [&](char c) { return sequence.find(c) != std::string_view::npos; };
  if (sequence[1] != '[') {
    // After an intermediate byte these bytes name a character set.
    const bool alone = sequence.size() == 2;
    CHECK(!alone || std::string_view("]PX^_Z=>").find(last) == std::string_view::npos, last);
    CHECK(!has('%') && !has(' '), last);  // a character set other than UTF-8; 8-bit controls
    return;
  }
  CHECK(std::string_view("cintuwxyzR{|").find(last) == std::string_view::npos, last);
  if (last == 'p') CHECK(sequence == "\x1b[!p", printable(sequence));
  CHECK(!has('$') && !has('>') && !has('<') && !has('='), last);
  if (has('?')) CHECK(std::string_view("hlJK").find(last) != std::string_view::npos, last);
  if (last != 'h' && last != 'l') return;
  unsigned mode = 0;
  for (char c : sequence.substr(2)) {
    if (c >= '0' && c <= '9') {
      mode = std::min(mode * 10 + static_cast<unsigned>(c - '0'), 99999u);
      continue;
    }
    if (!has('?')) CHECK(mode == 0 || mode == 4, mode);
    for (unsigned bad : {1u, 9u, 66u, 1000u, 1002u, 1003u, 1004u, 1006u, 2004u, 9001u})
      CHECK(!has('?') || mode != bad, mode);
    mode = 0;
  }
}

void check_play(std::string_view out) {
  std::string text;
  while (!out.empty()) {
    if (out[0] == '\x1b') {
      const std::string_view sequence = sequence_of(out);
      check_sequence(sequence);
      out.remove_prefix(sequence.size());
      continue;
    }
    const char c = out[0];
    if (is_control(c))
      CHECK(std::string_view("\a\b\t\n\v\f\r\x0e\x0f").find(c) != std::string_view::npos, +c);
    else
      text += c;
    out.remove_prefix(1);
  }
  CHECK(is_utf8(text));
  for (size_t i = 1; i < text.size(); i++)
    CHECK(text[i - 1] != '\xc2' || static_cast<unsigned char>(text[i]) >= 0xa0, printable(text));
}

// A cast of the pieces as output of a pty: every line is JSON, and no output is lost.
void check_cast(const Pieces& pieces, const std::string& utf8) {
  std::string lines;
  client::CastWriter cast({}, [&](const std::string& line) { lines += line; });
  Frame frame{1, 1, FrameKind::kRequestIn, 0, Event{{"request", "pty-req"}}.encode()};
  cast.add(frame);
  frame.kind = FrameKind::kOut;
  for (std::string_view piece : pieces) {
    frame.payload = piece;
    cast.add(frame);
    frame.offset_ns += 1'234'567;
  }
  frame.kind = FrameKind::kRequestIn;
  frame.payload = pieces[0];
  cast.add(frame);
  cast.finish();
  std::string output;
  for (size_t at = 0, end = 0; at < lines.size(); at = end + 1) {
    end = lines.find('\n', at);
    CHECK(end != std::string::npos);
    const auto json = nlohmann::json::parse(lines.substr(at, end - at), nullptr, false);
    CHECK(at == 0 ? json.is_object() : json.is_array() && json.size() == 3, at);
    if (at > 0 && json[1] == "o") output += json[2].get<std::string>();
  }
  CHECK(output == utf8, printable(output));
}

void check_pieces(const Pieces& whole, const Pieces& pieces) {
  CHECK(tokens(pieces) == tokens(whole));
  std::string shown;
  for (const std::string& token : tokens(whole))
    if (!is_control(token[0])) shown += token;
  CHECK(shown == text_on_screen(whole[0]), printable(shown));
  const std::string text = filtered<client::TextFilter>(whole);
  CHECK(filtered<client::TextFilter>(pieces) == text);
  check_text(text);
  const std::string play = filtered<tools::PlayFilter>(whole);
  CHECK(filtered<tools::PlayFilter>(pieces) == play);
  check_play(play);
  CHECK(filtered<tools::PlayFilter>({play}) == play);
  tools::PlayFilter clip(tools::PlayClip({.columns = 10, .rows = 4}, {.columns = 20, .rows = 8}));
  std::string clipped;
  for (std::string_view piece : pieces) clipped += clip.feed(piece);
  check_play(clipped);
  const std::string utf8 = filtered<client::Utf8Stream>(whole);
  CHECK(filtered<client::Utf8Stream>(pieces) == utf8);
  const bool has_nul = whole[0].find('\0') != std::string_view::npos;
  CHECK(is_utf8(utf8) != has_nul);
  if (is_utf8(whole[0])) CHECK(utf8 == whole[0]);
  check_shown(printable(whole[0]));
  check_cast(pieces, utf8);
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  fuzz::Choices choices(fuzz::input(data, size));
  const size_t first = choices.u8();
  const size_t second = choices.u8();
  const std::string_view bytes = choices.rest();
  fuzz::check_pieces({bytes}, {choices.bytes(first), choices.bytes(second), choices.rest()});
  return 0;
}
