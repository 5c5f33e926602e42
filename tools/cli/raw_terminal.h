// RawTerminal reads single keys while it lives and restores the terminal when it is destroyed.
// ExitSignals makes that happen at a signal too: signals arrive on a descriptor, not in a handler.
// Main thread.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/os/fd.h"
#include "client/screen_size.h"

namespace gatetape::tools {

// ExitSignals delivers SIGINT, SIGTERM, SIGHUP and SIGQUIT on a descriptor while it lives. It must
// be made before any thread, because threads inherit that the signals are blocked.
class ExitSignals {
 public:
  ExitSignals();
  ~ExitSignals();
  ExitSignals(const ExitSignals&) = delete;
  ExitSignals& operator=(const ExitSignals&) = delete;
  // fd returns a descriptor that is readable when a signal arrived.
  int fd() const { return fd_.get(); }

 private:
  sigset_t before_;
  Fd fd_;
};

// write_all writes bytes to standard output, and waits while the terminal accepts none. It returns
// false when the terminal is closed.
bool write_all(std::string_view bytes);

class RawTerminal {
 public:
  // The constructor opens /dev/tty. Without a terminal there are no keys and nothing to restore.
  RawTerminal();
  // The destructor resets attributes, modes and the alternate screen that a recording left on, and
  // drops pending input.
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // fd returns a descriptor for poll; -1, which poll ignores, when there is no terminal.
  int fd() const { return fd_.get(); }
  // read_keys returns what was typed, without waiting.
  std::string read_keys();
  // size returns the size of the terminal, nothing when there is none or it is unknown.
  std::optional<client::ScreenSize> size() const;

 private:
  Fd fd_;
  termios before_{};
};

}  // namespace gatetape::tools
