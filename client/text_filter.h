// TextFilter turns a terminal's output into lines of plain text. It follows the cursor within the
// line (carriage return, backspace, erase, insert), drops all other sequences, and ends the line
// where the cursor moves to another one. The result is safe to print. Pure; one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/utf8_stream.h"
#include "client/vt_scanner.h"

namespace gatetape::client {

class TextFilter {
 public:
  // feed returns the lines that the next bytes complete.
  std::string feed(std::string_view bytes);
  // flush returns the last line when it has no end.
  std::string flush();

 private:
  void take(const VtToken& token);
  void take_text(std::string_view text);
  void take_control(char c);
  void take_csi(const VtToken& token);
  void end_line();

  VtScanner scanner_;
  Utf8Stream utf8_;
  std::vector<std::string> line_;  // one character per element
  size_t cursor_ = 0;              // at most line_.size()
  std::string out_;
};

}  // namespace gatetape::client
