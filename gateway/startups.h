// Startups: limits the number of connections, in total and per source, as MaxStartups and
// PerSourceMaxStartups of sshd do. A source is an IPv4 address or an IPv6 network of 64 bits. Any
// thread.
//
// Many sources together must not lock everybody out: from `drop_from` connections on, new ones are
// dropped at random, and a source from which somebody is logged in has a reserve of its own.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace gatetape::gateway {

class Startups {
 public:
  // Each is a number of connections, but for drop_rate.
  struct Limits {
    uint32_t unauthenticated = 100;
    uint32_t drop_from = 50;  // unauthenticated connections from which on new ones may be dropped
    uint32_t drop_rate = 30;  // percent that are dropped there; it grows to 100 at the limit
    uint32_t unauthenticated_per_source = 20;
    uint32_t connections_per_source = 200;
  };
  explicit Startups(const Limits& limits) : limits_(limits) {}

  // source_of returns the source of a numeric IP address: for IPv6 its first 64 bits.
  static std::string source_of(const std::string& ip);

  // admit accepts and counts a new connection. It fails with RESOURCE_EXHAUSTED and the name of the
  // limit when the connection would exceed one, or is dropped. `chance` is a random number below
  // 100.
  absl::Status admit(const std::string& source, uint32_t chance);
  // authenticated counts an admitted connection as logged in. Call it once per connection.
  void authenticated(const std::string& source);
  // leave stops counting an admitted connection. `had_authenticated` is true when authenticated was
  // called for it.
  void leave(const std::string& source, bool had_authenticated);

 private:
  struct Counts {
    uint32_t connections = 0;
    uint32_t unauthenticated = 0;
  };
  absl::Status check(const Counts& counts, uint32_t chance) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool drops(uint32_t chance) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  absl::Mutex mutex_;
  uint32_t unauthenticated_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Counts> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
