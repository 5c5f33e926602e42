// RefusedLogins: the frames and the log lines of refused logins and of probes with public keys, as
// RefusalWindows decides. Accepted logins do not pass here. Any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "gateway/session/refusal_windows.h"
#include "tee/system_log.h"

namespace gatetape::gateway {

class RefusedLogins {
 public:
  using Done = tee::SystemLog::Done;

  RefusedLogins(tee::SystemLog& log, const Clock& clock) : log_(log), clock_(clock) {}

  // refuse accepts the fields of the auth_attempt of a refused login, and writes the log line
  // login_refused. `address` is that of Startups::source_of. `done` is called when the client may
  // be answered: when the attempt is durable; at once when it is counted with others; or, when the
  // address is refused often, when the frame that counts it is durable. It receives the error when
  // nothing can be recorded.
  void refuse(const std::string& address, const Event& attempt, Done done);
  // note_probes accepts the fields of the key_probe of one connection. Probes from an address that
  // has many such connections share a frame, too.
  void note_probes(const std::string& address, const Event& probes);
  // flush writes the frames of the windows that are over, or of all. Call it on each tick.
  void flush(bool all);

 private:
  void record(const RefusalWindows::Counted& counted, std::vector<Done> delayed);
  void note_delay(const Event& attempt, const RefusalWindows::Time& now);

  tee::SystemLog& log_;
  const Clock& clock_;
  absl::Mutex mutex_;
  RefusalWindows windows_ ABSL_GUARDED_BY(mutex_);
  std::map<RefusalWindows::Key, std::vector<Done>> delayed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
