// SocketAddress: an IP address and a port as the kernel's socket calls read them. Any thread.
#pragma once

#include <sys/socket.h>

#include <string>

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

// numeric_address returns the address of a host that is an IP address, and fails with
// INVALID_ARGUMENT for a name.
absl::StatusOr<SocketAddress> numeric_address(const HostPort& endpoint);

}  // namespace gatetape
