// NameService: looks names up, many at the same time. The resolver owns it and calls it on its
// thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/socket_address.h"

namespace gatetape::gateway {

// Found is the answer to one query: the addresses in the order of RFC 6724, or UNAVAILABLE.
struct Found {
  uint64_t query = 0;
  absl::StatusOr<std::vector<SocketAddress>> addresses;
  int64_t valid_s = 0;  // the least TTL of the records, in seconds
};

class NameService {
 public:
  virtual ~NameService() = default;
  // start starts a query under a number that no other running query has.
  virtual void start(uint64_t query, const HostPort& endpoint) = 0;
  // cancel ends a running query, whose answer is not returned any more.
  virtual void cancel(uint64_t query) = 0;
  // wait waits until queries have finished or the descriptor is readable, and returns their
  // answers. It may also return none earlier.
  virtual std::vector<Found> wait(int wake_fd) = 0;
};

}  // namespace gatetape::gateway
