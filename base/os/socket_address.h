// SocketAddress: an IP address and a port as the kernel's socket calls read them. Any thread.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/endpoint.h"

namespace gatetape {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  // name returns the pointer that connect(2) and bind(2) accept.
  const sockaddr* name() const { return reinterpret_cast<const sockaddr*>(&storage); }
  // to_text returns "address:port", or "[address]:port" for IPv6.
  std::string to_text() const;
};

// local_address returns the address of this machine's end of a socket; "?:0" when it has none.
SocketAddress local_address(int fd);

// look_up returns the addresses of a host in the order in which they should be tried, at least one
// and at most eight. It blocks while it waits for DNS, unless `endpoint.host` is numeric. It fails
// with UNAVAILABLE when the name has no address.
absl::StatusOr<std::vector<SocketAddress>> look_up(const HostPort& endpoint);

}  // namespace gatetape
