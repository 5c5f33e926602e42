#include "tools/stack/typist.h"

#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/os/fd.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kSilenceMs = 400;

int64_t now_ms() { return system_clock().mono_ns() / 1'000'000; }

// listen reads until the program wrote something and then nothing for kSilenceMs; without
// `until_silent`, until the program closed the terminal. It returns false at the deadline, and when
// the program ended too early.
bool listen(int terminal, bool until_silent, int64_t deadline_ms, std::string* screen) {
  std::array<char, 4096> buffer;
  bool heard = false;
  while (true) {
    const int64_t left_ms = deadline_ms - now_ms();
    if (left_ms <= 0) return false;
    const int64_t wait_ms = heard && until_silent ? std::min(kSilenceMs, left_ms) : left_ms;
    pollfd polled = {terminal, POLLIN, 0};
    const int ready = poll(&polled, 1, static_cast<int>(wait_ms));
    if (ready == 0 && heard && until_silent) return true;
    if (ready <= 0) continue;
    const ssize_t count = read(terminal, buffer.data(), buffer.size());
    if (count <= 0) return !until_silent;  // EIO: the last process closed the terminal
    screen->append(buffer.data(), static_cast<size_t>(count));
    heard = true;
  }
}

}  // namespace

absl::StatusOr<TypedSession> type_into(ProcessSpec spec, const std::vector<std::string>& lines,
                                       int64_t timeout_ms) {
  const int64_t deadline_ms = now_ms() + timeout_ms;
  const winsize size = {24, 80, 0, 0};
  int ends[2];
  if (openpty(&ends[0], &ends[1], nullptr, nullptr, &size) != 0)
    return absl::UnavailableError(std::string("no terminal: ") + std::strerror(errno));
  const Fd terminal(ends[0]);
  Fd slave(ends[1]);
  spec.terminal_fd = slave.get();
  absl::StatusOr<Process> process = Process::start(spec);
  if (!process.ok()) return process.status();
  slave.reset();
  TypedSession session;
  bool listening = true;
  for (const std::string& line : lines) {
    listening = listening && listen(terminal.get(), true, deadline_ms, &session.screen);
    const std::string typed = line + "\r";
    if (!listening || write(terminal.get(), typed.data(), typed.size()) < 0) break;
  }
  listen(terminal.get(), false, deadline_ms, &session.screen);
  const auto code = process->wait(std::max<int64_t>(1, deadline_ms - now_ms()));
  if (!code) return absl::DeadlineExceededError(spec.argv[0] + " did not end: " + session.screen);
  session.exit_code = *code;
  return session;
}

}  // namespace gatetape::tools
