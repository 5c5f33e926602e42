// Newlines turns a channel's output into what a terminal shows. Without a pty on the target, output
// has bare LF characters, and the user's terminal put a CR before each. Pure; one thread.
#pragma once

#include <string>
#include <string_view>

#include "record/frame.h"

namespace gatetape::client {

class Newlines {
 public:
  // note accepts each frame of the channel, before its output is fed: one may request a pty.
  void note(const Frame& frame);
  // feed returns the next bytes of output.
  std::string feed(std::string_view bytes);

 private:
  bool has_pty_ = false;
  bool after_cr_ = false;
};

}  // namespace gatetape::client
