// Refusals: the connection_refused frames. Each reports connections that ended before they had a
// session, because of a limit or of what the peer sent. At most one frame per second is recorded
// for each pair of reason and address, with a count, so that many connections cause few frames. Any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "tee/system_log.h"

namespace gatetape::gateway {

class Refusals {
 public:
  Refusals(tee::SystemLog& log, const Clock& clock) : log_(log), clock_(clock) {}

  struct Refusal {
    std::string source;    // address:port, or empty
    std::string reason;    // one of few constant texts
    std::string detail{};  // may come from the peer
  };

  // note writes a connection_refused frame, at once or together with the connections of the next
  // second. When many addresses are counted already, those of new addresses are counted together
  // and without an address.
  void note(const Refusal& refusal);
  // flush writes the counts that are at least one second old, or all of them. Call it on each tick.
  void flush(bool all);
  // total returns the number of all such connections, also of those that share a frame.
  uint64_t total() const { return total_; }

 private:
  struct Count {
    std::string source;  // of the newest connection, as is `detail`
    std::string detail;
    uint64_t unrecorded = 0;
    int64_t recorded_ns = 0;
  };
  void record(const std::string& reason, Count* counted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  tee::SystemLog& log_;
  const Clock& clock_;
  std::atomic<uint64_t> total_{0};
  absl::Mutex mutex_;
  // The key is (reason, address).
  std::map<std::pair<std::string, std::string>, Count> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
