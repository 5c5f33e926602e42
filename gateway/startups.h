// Startups: limits the number of connections, in total and per source address, as MaxStartups and
// PerSourceMaxStartups of sshd do. Any thread.
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
  struct Limits {
    uint32_t unauthenticated = 100;
    uint32_t unauthenticated_per_source = 20;
    uint32_t connections_per_source = 200;
  };
  explicit Startups(const Limits& limits) : limits_(limits) {}

  // admit accepts and counts a new connection. It fails with RESOURCE_EXHAUSTED and the name of the
  // limit when the connection would exceed one.
  absl::Status admit(const std::string& source);
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
  const Limits limits_;
  absl::Mutex mutex_;
  uint32_t unauthenticated_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Counts> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
