// PlayFilter removes from recorded output what could affect more than the screen of a terminal:
// titles, clipboard access and other strings, queries that the terminal answers as if the answer
// were typed, and modes that change what keys and mouse send. The result is UTF-8. Pure; one
// thread.
#pragma once

#include <string>
#include <string_view>

#include "client/utf8_stream.h"
#include "client/vt_scanner.h"

namespace gatetape::tools {

class PlayFilter {
 public:
  // feed returns what may be written to the terminal for the next bytes.
  std::string feed(std::string_view bytes);

 private:
  client::VtScanner scanner_;
  client::Utf8Stream utf8_;
};

}  // namespace gatetape::tools
