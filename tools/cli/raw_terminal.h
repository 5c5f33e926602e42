// RawTerminal gives single keys as long as it lives, and leaves the terminal as it was, whatever
// ends the program in order: signals come as keys do, not as handlers. Main thread.
#pragma once

#include <termios.h>

#include <string>

#include "base/os/fd.h"

namespace gatetape::tools {

// ExitSignals takes SIGINT, SIGTERM, SIGHUP and SIGQUIT as a descriptor, and back when it goes.
// Make it before any thread exists: threads inherit that they are blocked.
class ExitSignals {
 public:
  ExitSignals();
  ~ExitSignals();
  ExitSignals(const ExitSignals&) = delete;
  ExitSignals& operator=(const ExitSignals&) = delete;
  // fd becomes readable when one came.
  int fd() const { return fd_.get(); }

 private:
  sigset_t before_;
  Fd fd_;
};

class RawTerminal {
 public:
  // Works on /dev/tty; without one there are no keys, and nothing to restore.
  RawTerminal();
  // Ends attributes, modes and the second screen that a recording left on, and drops pending input.
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // fd is for polling; -1 without a terminal, which poll ignores.
  int fd() const { return fd_.get(); }
  // read_keys gives what was typed, without waiting.
  std::string read_keys();

 private:
  Fd fd_;
  termios before_{};
};

}  // namespace gatetape::tools
