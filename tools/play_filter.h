// PlayFilter passes recorded output on to a terminal without what could reach beyond its screen:
// titles, clipboard and other strings, questions that the terminal answers as if typed, and modes
// that change what keys and mouse send. Pure; one thread.
#pragma once

#include <string>
#include <string_view>

#include "tools/vt_scanner.h"

namespace gatetape::tools {

class PlayFilter {
 public:
  // feed gives what may be written for the next bytes.
  std::string feed(std::string_view bytes);

 private:
  VtScanner scanner_;
  bool after_c2_ = false;  // the last byte passed was 0xC2: it may begin a C1 control
};

}  // namespace gatetape::tools
