// Startups: how many connections there may be, in all and from one source (sshd's MaxStartups and
// PerSourceMaxStartups). Any thread.
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

  // admit counts a new connection; RESOURCE_EXHAUSTED with the limit that it would break.
  absl::Status admit(const std::string& source);
  // authenticated says that an admitted connection logged in.
  void authenticated(const std::string& source);
  // leave ends an admitted connection, which had logged in or not.
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
