// rotate_log keeps the log file of a service below a size. The service goes on to write through its
// descriptor, so that the file is copied and emptied instead of renamed. Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gatetape::tools {

struct LogLimits {
  // Largest size of a log file in bytes. At the limit it becomes NAME.1. 16 MiB hold about 100,000
  // lines, and are copied in less than 0.1 s.
  int64_t bytes_max = 16 << 20;
  // Number of copies, NAME.1 being the newest. The oldest is removed for a new one.
  int kept = 4;
};

// rotate_log does nothing when the file is smaller than the limit or is not there. The file must be
// written with O_APPEND. Lines that are written between the end of the copy and the truncation are
// lost; this takes some microseconds. The file is emptied also when it cannot be copied, because
// its size must stay bounded; rotate_log then fails with UNAVAILABLE.
absl::Status rotate_log(const std::string& path, const LogLimits& limits);

}  // namespace gatetape::tools
