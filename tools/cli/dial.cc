#include "tools/cli/dial.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/clock.h"
#include "base/endpoint.h"

namespace gatetape::tools {
namespace {

absl::Status failed(const std::string& endpoint, int error) {
  return absl::UnavailableError(endpoint + ": " + std::strerror(error));
}

absl::StatusOr<Fd> connect_to(const std::string& endpoint, const sockaddr* address,
                              socklen_t length, int64_t timeout_ms) {
  Fd fd(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return failed(endpoint, errno);
  if (connect(fd.get(), address, length) == 0) return fd;
  if (errno != EINPROGRESS) return failed(endpoint, errno);
  pollfd polled = {fd.get(), POLLOUT, 0};
  if (poll(&polled, 1, static_cast<int>(timeout_ms)) <= 0) return failed(endpoint, ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return failed(endpoint, error);
  return fd;
}

absl::StatusOr<Fd> dial_unix(const std::string& endpoint, int64_t timeout_ms) {
  const std::string path = endpoint.substr(5);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failed(endpoint, ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  return connect_to(endpoint, reinterpret_cast<const sockaddr*>(&address), sizeof address,
                    timeout_ms);
}

}  // namespace

absl::StatusOr<Fd> dial(const std::string& endpoint, int64_t timeout_ms) {
  if (is_unix(endpoint)) return dial_unix(endpoint, timeout_ms);
  absl::StatusOr<HostPort> parsed = parse_host_port(endpoint);
  if (!parsed.ok()) return parsed.status();
  if (parsed->host == "0.0.0.0") parsed->host = "127.0.0.1";
  if (parsed->host == "::") parsed->host = "::1";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(parsed->host.c_str(), std::to_string(parsed->port).c_str(), &hints, &found);
  if (error != 0) return absl::UnavailableError(endpoint + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  absl::StatusOr<Fd> connected = failed(endpoint, ECONNREFUSED);
  for (; found != nullptr && !connected.ok(); found = found->ai_next)
    connected = connect_to(endpoint, found->ai_addr, found->ai_addrlen, timeout_ms);
  return connected;
}

std::string read_line(const Fd& fd, int64_t timeout_ms) {
  constexpr size_t kLineMax = 255;
  const int64_t deadline_ms = system_clock().mono_ns() / 1'000'000 + timeout_ms;
  std::string line;
  while (line.size() < kLineMax) {
    const int64_t left_ms = deadline_ms - system_clock().mono_ns() / 1'000'000;
    pollfd polled = {fd.get(), POLLIN, 0};
    char byte = 0;
    if (left_ms <= 0 || poll(&polled, 1, static_cast<int>(left_ms)) <= 0) break;
    if (recv(fd.get(), &byte, 1, 0) != 1 || byte == '\n') break;
    line += byte;
  }
  return line;
}

}  // namespace gatetape::tools
