// QueryLog records every question before its answer leaves. Any thread.
#pragma once

#include "absl/status/status.h"
#include "record/event.h"

namespace gatetape::auditd {

class QueryLog {
 public:
  virtual ~QueryLog() = default;
  // record waits until a `query` event is durable; UNAVAILABLE when it cannot be recorded in time.
  virtual absl::Status record(const Event& event) = 0;
};

}  // namespace gatetape::auditd
