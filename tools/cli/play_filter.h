// PlayFilter passes recorded output on to a terminal without what could reach beyond its screen:
// titles, clipboard and other strings, questions that the terminal answers as if typed, and modes
// that change what keys and mouse send. What it gives is UTF-8. Pure; one thread.
#pragma once

#include <string>
#include <string_view>

#include "client/utf8_stream.h"
#include "client/vt_scanner.h"

namespace gatetape::tools {

class PlayFilter {
 public:
  // feed gives what may be written for the next bytes.
  std::string feed(std::string_view bytes);

 private:
  VtScanner scanner_;
  Utf8Stream utf8_;
};

}  // namespace gatetape::tools
