// The question what to do when this terminal is smaller than the recorded one. Main thread.
#pragma once

#include <string>
#include <string_view>

#include "client/screen_size.h"
#include "tools/cli/raw_terminal.h"

namespace gatetape::tools {

enum class Fit {
  kAsIs,    // play as if the size were right: also after the terminal was resized
  kClip,    // cut the output to this terminal
  kResize,  // ask the terminal for the recorded size
  kQuit,
  kNone,  // no answer
};

// fit_of_keys returns the answer that the first key with a meaning gives, kNone when there is none.
// Without a key the terminal is closed, which counts as kQuit.
Fit fit_of_keys(std::string_view keys);
// fit_question returns the question, as one line for a raw terminal.
std::string fit_question(client::ScreenSize terminal, client::ScreenSize recorded);
// ask_fit asks, and waits for a key or for a signal on the descriptor `signals`. It returns kAsIs,
// kClip or kQuit. A terminal that does not become large enough within 1 s is asked about again.
Fit ask_fit(RawTerminal& terminal, int signals, client::ScreenSize recorded);

}  // namespace gatetape::tools
