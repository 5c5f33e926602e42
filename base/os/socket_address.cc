#include "base/os/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace gatetape {
namespace {

// Addresses of one name. Further addresses are ignored, so that a connect timeout that is divided
// between them leaves each of them enough time.
constexpr size_t kAddressesMax = 8;

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

SocketAddress local_address(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0)
    return {};
  return address;
}

absl::StatusOr<std::vector<SocketAddress>> look_up(const HostPort& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  hints.ai_flags |= parse_ip(endpoint.host).empty() ? AI_ADDRCONFIG : AI_NUMERICHOST;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int result = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list);
  if (result != 0)
    return absl::UnavailableError(absl::StrCat(endpoint.host, ": ", gai_strerror(result)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (; list != nullptr && addresses.size() < kAddressesMax; list = list->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
    address.length = list->ai_addrlen;
  }
  return addresses;
}

}  // namespace gatetape
