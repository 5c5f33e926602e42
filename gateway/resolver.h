// Resolver: resolves host names to addresses on threads of its own, so that no loop waits for DNS.
// Any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace gatetape::gateway {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  // to_text returns "address:port", or "[address]:port" for IPv6.
  std::string to_text() const;
};

class Resolver {
 public:
  using Done = std::function<void(absl::StatusOr<SocketAddress>)>;

  Resolver();
  ~Resolver();
  // stop stops the threads after their current lookups. Queued names are not looked up any more.
  // Call it while the loops still exist.
  void stop();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // resolve sends the address of a host to `done`. For a numeric address it calls `done` before it
  // returns; for a name a thread of the resolver calls `done` once, or never after stop(). The
  // lookup fails with UNAVAILABLE when the name has no address.
  void resolve(const std::string& host, uint16_t port, Done done);

 private:
  struct Query {
    std::string host;
    uint16_t port = 0;
    Done done;
  };
  void run();

  absl::Mutex mutex_;
  std::deque<Query> queries_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace gatetape::gateway
