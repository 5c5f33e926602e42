// Newlines gives a channel's output as a terminal would have shown it: without a pty on the target
// nobody has put a CR before each LF. Pure; one thread.
#pragma once

#include <string>
#include <string_view>

#include "record/frame.h"

namespace gatetape {

class Newlines {
 public:
  // note takes each frame of the channel before its output: one of them may ask for a pty.
  void note(const Frame& frame);
  // feed gives the next bytes of output.
  std::string feed(std::string_view bytes);

 private:
  bool has_pty_ = false;
  bool after_cr_ = false;
};

}  // namespace gatetape
