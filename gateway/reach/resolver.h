// Resolver: resolves host names to addresses on threads of its own, so that no loop waits for DNS.
// Any thread.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/os/socket_address.h"

namespace gatetape::gateway {

class Resolver {
 public:
  using Answer = absl::StatusOr<std::vector<SocketAddress>>;
  using LookUp = std::function<Answer(const HostPort&)>;
  using Done = std::function<void(Answer)>;

  // `look_up` is called on the resolver's threads, and on the caller's thread for numeric hosts.
  explicit Resolver(LookUp look_up = gatetape::look_up);
  ~Resolver();
  // stop stops the threads after their current lookups. Queued names are not looked up any more.
  // Call it while the loops still exist.
  void stop();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // resolve sends what `look_up` returned to `done`. For a numeric host it calls `done` before it
  // returns; for a name a thread of the resolver calls `done` once, or never after stop().
  void resolve(const HostPort& endpoint, Done done);

 private:
  struct Query {
    HostPort endpoint;
    Done done;
  };
  void run();

  const LookUp look_up_;
  absl::Mutex mutex_;
  std::deque<Query> queries_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace gatetape::gateway
