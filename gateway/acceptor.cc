#include "gateway/acceptor.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/daemon.h"
#include "base/endpoint.h"
#include "gateway/connection.h"

namespace gatetape::gateway {
namespace {

constexpr int kBacklog = 1024;
// Before the version string a server may send lines (RFC 4253 section 4.2).
constexpr std::string_view kTooMany = "gatetape: too many connections, try again\r\n";

void set_socket_options(int fd) {
  const int one = 1;
  const int unanswered_ms = 60'000;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

}  // namespace

Acceptor::Acceptor(std::vector<Loop*> loops, Services& services)
    : loops_(std::move(loops)), services_(services) {}

Acceptor::~Acceptor() { stop(); }

absl::Status Acceptor::listen(const std::string& endpoint) {
  const absl::StatusOr<HostPort> parsed = parse_host_port(endpoint);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<SocketAddress> address = absl::UnavailableError("not a numeric address");
  if (!parse_ip(parsed->host).empty())
    services_.resolver.resolve(parsed->host, parsed->port,
                               [&](absl::StatusOr<SocketAddress> found) { address = found; });
  if (!address.ok())
    return absl::UnavailableError(endpoint + ": " + std::string(address.status().message()));
  const int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const auto* name = reinterpret_cast<const sockaddr*>(&address->storage);
  if (fd < 0 || bind(fd, name, address->length) != 0 || ::listen(fd, kBacklog) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) close(fd);
    return absl::UnavailableError("cannot listen on " + endpoint + ": " + reason);
  }
  listeners_.push_back(fd);
  loops_.front()->watch(fd, EPOLLIN, this);
  return absl::OkStatus();
}

void Acceptor::stop() {
  for (const int fd : std::exchange(listeners_, {})) {
    loops_.front()->unwatch(fd);
    close(fd);
  }
}

void Acceptor::on_ready(uint32_t) {
  for (const int listener : listeners_) accept_all(listener);
}

void Acceptor::accept_all(int listener) {
  for (;;) {
    SocketAddress peer;
    peer.length = sizeof peer.storage;
    const int fd = accept4(listener, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE)
        services_.refusals.note("", "out of file descriptors");
      return;
    }
    const std::string source = peer.to_text();
    const std::string source_ip = parse_host_port(source)->host;
    const absl::Status admitted = services_.startups.admit(source_ip);
    if (!admitted.ok()) {
      send(fd, kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL);
      close(fd);
      services_.refusals.note(source, std::string(admitted.message()));
      continue;
    }
    set_socket_options(fd);
    Loop* loop = loops_[next_loop_++ % loops_.size()];
    Services* services = &services_;
    loop->post([loop, services, fd, source, source_ip] {
      loop->adopt(Connection::accept(*loop, *services, fd, source, source_ip));
    });
  }
}

}  // namespace gatetape::gateway
