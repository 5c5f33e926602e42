#include "tools/cli/play_fit.h"

#include <poll.h>

#include <optional>

#include "absl/strings/str_cat.h"

namespace gatetape::tools {
namespace {

// How long a terminal has to resize itself. A terminal on the other end of a slow connection needs
// one round trip; one that ignores the request must not keep the person waiting.
constexpr int kResizeTries = 20;
constexpr int kResizeTryMs = 50;

std::string text_of(client::ScreenSize size) { return absl::StrCat(size.columns, "x", size.rows); }

// wait_for returns true when one of the descriptors is readable within the time; -1 waits for ever.
bool wait_for(int signals, int terminal, int timeout_ms) {
  pollfd fds[] = {{signals, POLLIN, 0}, {terminal, POLLIN, 0}};
  return poll(fds, 2, timeout_ms) > 0;
}

bool is_ready(int fd) { return wait_for(fd, -1, 0); }

// resize asks the terminal to have the recorded size. It returns true when that fits at last.
bool resize(const RawTerminal& terminal, int signals, client::ScreenSize recorded) {
  write_all(absl::StrCat("\x1b[8;", recorded.rows, ";", recorded.columns, "t"));
  for (int i = 0; i < kResizeTries && !wait_for(signals, -1, kResizeTryMs); i++) {
    const std::optional<client::ScreenSize> size = terminal.size();
    if (size && recorded.fits_into(*size)) return true;
  }
  return false;
}

}  // namespace

Fit fit_of_keys(std::string_view keys) {
  if (keys.empty()) return Fit::kQuit;
  const size_t answer = keys.find_first_of("rc\r\nq\x03");
  if (answer == std::string_view::npos) return Fit::kNone;
  switch (keys[answer]) {
    case 'r':
      return Fit::kResize;
    case 'c':
      return Fit::kClip;
    case '\r':
    case '\n':
      return Fit::kAsIs;
    default:
      return Fit::kQuit;
  }
}

std::string fit_question(client::ScreenSize terminal, client::ScreenSize recorded) {
  return absl::StrCat("This terminal has ", text_of(terminal), ", and the recorded one had ",
                      text_of(recorded),
                      ": press r to resize this terminal, c to clip the output, Enter to play it "
                      "as it is, q to quit.\r\n");
}

Fit ask_fit(RawTerminal& terminal, int signals, client::ScreenSize recorded) {
  write_all(fit_question(terminal.size().value_or(client::ScreenSize()), recorded));
  for (;;) {
    wait_for(signals, terminal.fd(), -1);
    if (is_ready(signals)) return Fit::kQuit;
    const Fit fit = fit_of_keys(terminal.read_keys());
    if (fit == Fit::kResize && resize(terminal, signals, recorded)) return Fit::kAsIs;
    if (fit == Fit::kResize)
      write_all(
          "This terminal did not resize itself: resize its window and press r again, or press c, "
          "Enter or q.\r\n");
    if (fit != Fit::kResize && fit != Fit::kNone) return fit;
  }
}

}  // namespace gatetape::tools
