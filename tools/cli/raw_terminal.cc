#include "tools/cli/raw_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

#include "base/check.h"

namespace gatetape::tools {
namespace {

// No attributes, a visible cursor, the normal screen, the whole scroll region, wrapped lines,
// normal keys.
constexpr std::string_view kReset =
    "\x1b[0m\x1b[?25h\x1b[?1049l\x1b[r\x1b[?7h\x1b[?1l\x1b>\x1b(B\r\n";

}  // namespace

ExitSignals::ExitSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, number);
  CHECK(pthread_sigmask(SIG_BLOCK, &signals, &before_) == 0);
  fd_ = Fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  CHECK(fd_.get() >= 0, errno);
}

ExitSignals::~ExitSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) {
      pollfd out = {STDOUT_FILENO, POLLOUT, 0};
      poll(&out, 1, 100);
      continue;
    }
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

RawTerminal::RawTerminal() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK)) {
  if (fd_.get() < 0 || tcgetattr(fd_.get(), &before_) != 0) {
    fd_.reset();
    return;
  }
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
  raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);  // recorded output has its own CR LF
  tcsetattr(fd_.get(), TCSAFLUSH, &raw);
}

RawTerminal::~RawTerminal() {
  if (fd_.get() < 0) return;
  [[maybe_unused]] const ssize_t written = write(fd_.get(), kReset.data(), kReset.size());
  tcsetattr(fd_.get(), TCSAFLUSH, &before_);
}

std::string RawTerminal::read_keys() {
  char keys[64];
  const ssize_t length = read(fd_.get(), keys, sizeof(keys));
  return length > 0 ? std::string(keys, static_cast<size_t>(length)) : std::string();
}

std::optional<client::ScreenSize> RawTerminal::size() const {
  winsize size = {};
  if (fd_.get() < 0 || ioctl(fd_.get(), TIOCGWINSZ, &size) != 0) return std::nullopt;
  if (size.ws_col == 0 || size.ws_row == 0) return std::nullopt;
  return client::ScreenSize{.columns = size.ws_col, .rows = size.ws_row};
}

}  // namespace gatetape::tools
