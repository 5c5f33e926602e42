#include "gateway/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/crypto.h"
#include "base/endpoint.h"
#include "base/os/daemon.h"
#include "base/os/net.h"
#include "base/os/socket_address.h"
#include "gateway/farewell.h"

namespace gatetape::gateway {
namespace {

// Connections that the kernel queues for one listening socket. Above this limit the kernel drops
// SYN packets, and clients try again. The loop accepts all queued clients at each event, so that
// the queue only has to hold one burst.
constexpr int kBacklog = 1024;
constexpr std::string_view kTooMany = "gatetape: too many connections, try again";
constexpr std::string_view kNoDescriptors =
    "gatetape: the gateway is out of file descriptors, try again in a minute";
// Polite disconnects in progress. Above this limit a client is closed without a message, so that
// rejected clients cannot use up the file descriptors.
constexpr size_t kFarewellsMax = 64;

// random_below returns a number below `limit`. A client that could foretell it would choose the
// moments at which it is not dropped.
uint32_t random_below(uint32_t limit) {
  uint32_t number = 0;
  const std::string bytes = random_bytes(sizeof number);
  std::memcpy(&number, bytes.data(), sizeof number);
  return number % limit;
}

int open_spare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

Acceptor::Acceptor(std::vector<Loop*> loops, Services& services, MakeMember make_member)
    : loops_(std::move(loops)),
      services_(services),
      make_member_(std::move(make_member)),
      spare_fd_(open_spare()) {}

Acceptor::~Acceptor() {
  stop();
  if (spare_fd_ >= 0) close(spare_fd_);
}

absl::Status Acceptor::listen(const std::string& endpoint) {
  const absl::StatusOr<HostPort> parsed = parse_host_port(endpoint);
  if (!parsed.ok()) return parsed.status();
  const absl::StatusOr<SocketAddress> found = numeric_address(*parsed);
  if (!found.ok())
    return absl::UnavailableError(endpoint + ": " + std::string(found.status().message()));
  const SocketAddress& address = *found;
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, address.name(), address.length) != 0 || ::listen(fd, kBacklog) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) close(fd);
    return absl::UnavailableError("cannot listen on " + endpoint + ": " + reason);
  }
  listeners_.push_back(fd);
  // Edge-triggered, because a client that cannot be accepted must not wake the loop repeatedly.
  loops_.front()->watch(fd, EPOLLIN | EPOLLET, this);
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
      if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) return;
      if (errno == EMFILE || errno == ENFILE) return accept_with_spare(listener);
      continue;  // an error of this client's connection alone (accept(2))
    }
    const std::string source = peer.to_text();
    const std::string counted = Startups::source_of(parse_host_port(source)->host);
    const absl::Status admitted = services_.startups.admit(counted, random_below(100));
    if (!admitted.ok()) {
      if (farewells_ == kFarewellsMax) {
        close(fd);
      } else {
        farewells_++;
        disconnect(fd, kTooMany, [this] {
          CHECK(farewells_ > 0, farewells_);
          farewells_--;
        });
      }
      services_.refusals.note({.source = source, .reason = std::string(admitted.message())});
      continue;
    }
    set_connection_options(fd);
    Loop* loop = loops_[next_loop_++ % loops_.size()];
    loop->post([this, loop, accepted = Accepted{fd, source, counted}] {
      loop->adopt(make_member_(*loop, accepted));
    });
  }
}

void Acceptor::disconnect(int fd, std::string_view why, std::function<void()> on_closed) {
  loops_.front()->adopt(std::make_unique<Farewell>(*loops_.front(), fd, why, std::move(on_closed)));
}

// The process has no descriptor left. The spare descriptor is closed, so that the next client can
// be accepted and told why it is disconnected. The other clients wait in the kernel's queue until
// that client has gone; without a spare descriptor they wait until another client connects.
void Acceptor::accept_with_spare(int listener) {
  services_.refusals.note({.source = "", .reason = "out of file descriptors"});
  if (spare_fd_ < 0) return;
  close(std::exchange(spare_fd_, -1));
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    spare_fd_ = open_spare();
    return;
  }
  disconnect(fd, kNoDescriptors, [this] {
    CHECK(spare_fd_ < 0, spare_fd_);
    spare_fd_ = open_spare();
    loops_.front()->post([this] { on_ready(0); });
  });
}

}  // namespace gatetape::gateway
