#include "tools/stack/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/os/fd.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kReadyTimeoutMs = 60000;
// Pauses before a restart: each is twice as long as the one before, up to the limit.
constexpr int64_t kBackoffFirstMs = 1000;
constexpr int64_t kBackoffMostMs = 30000;
// A service that ran this long was healthy: the pause before its next restart is the first again.
constexpr int64_t kHealthyMs = 60000;
constexpr int kPollMs = 50;
// Bytes at the end of a log in which the last line is looked for.
constexpr std::streamoff kTailBytes = 16 * 1024;

int64_t now_ms() { return system_clock().mono_ns() / 1'000'000; }

sigset_t supervised_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  return set;
}

// open_notify_socket returns the socket of sd_notify(3) for one child process.
absl::StatusOr<Fd> open_notify_socket(const std::string& path, const ProcessSpec& spec) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return absl::InvalidArgumentError(path + " is too long for a socket: choose a shorter --dir");
  path.copy(address.sun_path, path.size());
  const std::optional<RunUser> given_to = spec.parent_opens_log ? spec.user : std::nullopt;
  const ActingAs user(given_to ? std::nullopt : spec.user);
  unlink(path.c_str());
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t before = umask(0177);  // No chmod by path, which would follow a link.
  const bool bound = bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  umask(before);
  const bool ok = bound && (!given_to || lchown(path.c_str(), given_to->uid, given_to->gid) == 0);
  if (!ok) return absl::UnavailableError(path + ": " + std::strerror(errno));
  return fd;
}

std::string last_line(const std::string& log_file) {
  std::ifstream file(log_file, std::ios::ate);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(size - kTailBytes, 0));
  std::string line, last;
  while (std::getline(file, line))
    if (!line.empty()) last = line;
  return printable(last);
}

// limit_log rotates the log of a service, as the account that owns its folder.
void limit_log(const Service& service) {
  if (service.spec.log_file.empty()) return;
  const ActingAs owner(service.spec.parent_opens_log ? std::nullopt : service.spec.user);
  const absl::Status rotated = rotate_log(service.spec.log_file, service.log_limits);
  if (!rotated.ok())
    std::printf("the log of %s was not kept: %s\n", service.name.c_str(),
                std::string(rotated.message()).c_str());
}

}  // namespace

Supervisor::Supervisor(std::string run_dir) : run_dir_(std::move(run_dir)) {
  const sigset_t set = supervised_signals();
  CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
}

Supervisor::~Supervisor() { stop(); }

bool Supervisor::interrupted() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

absl::Status Supervisor::start(Service service) {
  const std::string path = run_dir_ + "/" + service.name + ".notify";
  absl::StatusOr<Fd> socket = open_notify_socket(path, service.spec);
  if (!socket.ok()) return socket.status();
  ProcessSpec spec = service.spec;
  spec.environment["NOTIFY_SOCKET"] = path;
  absl::StatusOr<Process> process = Process::start(spec);
  absl::Status status = process.status();
  if (status.ok()) status = wait_ready(socket->get(), &*process, service);
  unlink(path.c_str());
  // A service that is not ready is stopped like the others, because it may hold files or locks.
  if (process.ok())
    services_.push_back({std::move(service), *std::move(process), now_ms(), kBackoffFirstMs, 0});
  return status;
}

absl::Status Supervisor::wait_ready(int fd, Process* process, const Service& service) {
  const int64_t deadline_ms = now_ms() + kReadyTimeoutMs;
  while (now_ms() < deadline_ms) {
    if (interrupted()) return absl::CancelledError("interrupted");
    if (const auto code = process->wait(0)) {
      return absl::UnavailableError(
          service.name + " ended with exit code " + std::to_string(*code) + ": " +
          last_line(service.spec.log_file) + " (log: " + service.spec.log_file + ")");
    }
    pollfd polled = {fd, POLLIN, 0};
    if (poll(&polled, 1, kPollMs) <= 0) continue;
    char buffer[4096] = {};
    const ssize_t count = recv(fd, buffer, sizeof buffer - 1, 0);
    const std::string text = "\n" + std::string(buffer, count > 0 ? static_cast<size_t>(count) : 0);
    if (text.find("\nREADY=1") != std::string::npos) return absl::OkStatus();
  }
  return absl::DeadlineExceededError(
      service.name + " was not ready after 60 s (log: " + service.spec.log_file + ")");
}

void Supervisor::run() {
  const sigset_t set = supervised_signals();
  const timespec second = {1, 0};
  while (true) {
    const int number = sigtimedwait(&set, nullptr, &second);
    if (number == SIGTERM || number == SIGINT) return;
    for (Running& running : services_) {
      if (number == SIGHUP && running.service.reloads) running.process.send(SIGHUP);
      look_after(&running);
      limit_log(running.service);
    }
  }
}

void Supervisor::look_after(Running* running) {
  const Service& service = running->service;
  const int64_t now = now_ms();
  if (running->restart_at_ms == 0) {
    const auto code = running->process.wait(0);
    if (!code) return;
    if (now - running->started_ms > kHealthyMs) running->backoff_ms = kBackoffFirstMs;
    running->restart_at_ms = now + running->backoff_ms;
    std::printf("%s: %s ended with exit code %d; starting it again in %.0f s (log: %s)\n",
                format_utc(system_clock().wall_ns()).c_str(), service.name.c_str(), *code,
                static_cast<double>(running->backoff_ms) / 1000, service.spec.log_file.c_str());
    running->backoff_ms = std::min(running->backoff_ms * 2, kBackoffMostMs);
  } else if (now >= running->restart_at_ms) {
    absl::StatusOr<Process> process = Process::start(service.spec);
    running->started_ms = now;
    running->restart_at_ms = process.ok() ? 0 : now + running->backoff_ms;
    const std::string outcome = process.ok() ? "started" : std::string(process.status().message());
    std::printf("%s: %s %s\n", format_utc(system_clock().wall_ns()).c_str(), service.name.c_str(),
                outcome.c_str());
    if (process.ok()) running->process = *std::move(process);
  }
  std::fflush(stdout);
}

void Supervisor::stop() {
  while (!services_.empty()) {
    Running& running = services_.back();
    const Service& service = running.service;
    std::printf("stopping %s ... ", service.name.c_str());
    std::fflush(stdout);
    const bool was_running = !running.process.wait(0).has_value();
    const int code = running.process.stop(service.stop_signal, service.stop_grace_ms);
    const bool killed = was_running && code == 128 + SIGKILL;
    std::printf("%s\n", killed ? "killed, it did not stop in time" : "ok");
    std::fflush(stdout);
    services_.pop_back();
  }
}

}  // namespace gatetape::tools
