// Resolver: resolves host names to addresses on a thread of its own, so that no loop waits for DNS.
// Users take turns (gateway/reach/lookups.h), and addresses are kept as long as their TTL says.
// Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/socket_address.h"
#include "gateway/reach/address_cache.h"
#include "gateway/reach/lookups.h"
#include "gateway/reach/name_service.h"

namespace gatetape::gateway {

class Resolver {
 public:
  using Answer = absl::StatusOr<std::vector<SocketAddress>>;
  using Done = std::function<void(Answer)>;

  Resolver(std::unique_ptr<NameService> names, const Clock& clock);
  ~Resolver();
  // stop stops the thread. Nothing is looked up any more. Call it while the loops still exist.
  void stop();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // resolve gives the addresses of an endpoint to `done`, at least one, or UNAVAILABLE. For a
  // numeric host and for a name whose addresses are known it calls `done` before it returns;
  // otherwise the resolver's thread calls `done` once, or never after stop(). It returns the number
  // by which the query can be cancelled.
  uint64_t resolve(const HostPort& endpoint, const std::string& user, Done done);
  // cancel ends a query whose answer nobody waits for any more. `done` may still be called when the
  // answer has come already. A query that has ended is ignored.
  void cancel(uint64_t query);

 private:
  std::vector<SocketAddress> kept(const HostPort& endpoint);
  uint64_t ask(const HostPort& endpoint, const std::string& user, Done done);
  void run();
  void wake();
  std::vector<Query> startable();
  void end_cancelled();
  void answer(const Found& found);

  const std::unique_ptr<NameService> names_;  // used by the thread alone
  const Clock& clock_;
  const Fd wake_fd_;
  absl::Mutex mutex_;
  uint64_t last_query_ ABSL_GUARDED_BY(mutex_) = 0;
  Lookups lookups_ ABSL_GUARDED_BY(mutex_);
  AddressCache cache_ ABSL_GUARDED_BY(mutex_);
  struct Waiter {
    HostPort endpoint;
    Done done;
  };
  std::map<uint64_t, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);  // by query
  std::vector<uint64_t> cancelled_ ABSL_GUARDED_BY(mutex_);     // running, to be ended
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gatetape::gateway
