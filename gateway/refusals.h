// Refusals: the frames about connections that ended before a session did, for a limit or for what
// the peer sent: one a second for each reason and address, with a count, so that a flood of
// connections does not become a flood of frames. Any thread.
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

  // note records a connection_refused, at once or with those that follow within a second. `source`
  // is address:port, or empty; addresses beyond a number are counted together, without one.
  // `reason` is one of few constant texts; `detail` may come from the peer.
  void note(const std::string& source, const std::string& reason, const std::string& detail = "");
  // flush records what was counted a second ago or longer, or all of it; call it now and then.
  void flush(bool all);
  // total counts all, also those without a frame of their own.
  uint64_t total() const { return total_; }

 private:
  struct Count {
    std::string source;  // the newest, with its detail
    std::string detail;
    uint64_t unrecorded = 0;
    int64_t recorded_ns = 0;
  };
  void record(const std::string& reason, Count* counted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  tee::SystemLog& log_;
  const Clock& clock_;
  std::atomic<uint64_t> total_{0};
  absl::Mutex mutex_;
  // By reason and address.
  std::map<std::pair<std::string, std::string>, Count> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
