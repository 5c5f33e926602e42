#include "gateway/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/endpoint.h"

namespace gatetape::gateway {
namespace {

// Lookups at the same time. Further names wait in the queue. With four threads one slow name server
// does not delay all other names.
constexpr int kThreads = 4;

absl::StatusOr<SocketAddress> look_up(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int result = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (result != 0) return absl::UnavailableError(absl::StrCat(host, ": ", gai_strerror(result)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  SocketAddress address;
  std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
  address.length = list->ai_addrlen;
  return address;
}

}  // namespace

std::string SocketAddress::to_text() const {
  char host[INET6_ADDRSTRLEN] = "?";
  uint16_t port = 0;
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof host);
    } else {
      inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    }
    port = ntohs(v6->sin6_port);
  } else if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    port = ntohs(v4->sin_port);
  }
  return format_host_port({host, port});
}

Resolver::Resolver() {
  for (int i = 0; i < kThreads; i++) threads_.emplace_back([this] { run(); });
}

Resolver::~Resolver() { stop(); }

void Resolver::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Resolver::resolve(const std::string& host, uint16_t port, Done done) {
  if (!parse_ip(host).empty()) return done(look_up(host, port, AI_NUMERICHOST));
  const absl::MutexLock lock(&mutex_);
  queries_.push_back({host, port, std::move(done)});
}

void Resolver::run() {
  for (;;) {
    Query query;
    {
      const absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stop_ || !queries_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      if (stop_) return;
      query = std::move(queries_.front());
      queries_.pop_front();
    }
    query.done(look_up(query.host, query.port, AI_ADDRCONFIG));
  }
}

}  // namespace gatetape::gateway
