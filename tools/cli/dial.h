// dial connects to an endpoint of the configuration, to check that a daemon answers. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/os/fd.h"

namespace gatetape::tools {

// dial connects to unix:PATH or HOST:PORT; the unspecified address (0.0.0.0, ::) becomes loopback.
// UNAVAILABLE with the system's reason when nobody accepts within `timeout_ms`.
absl::StatusOr<Fd> dial(const std::string& endpoint, int64_t timeout_ms);
// read_line reads until the end of a line, 255 bytes, or `timeout_ms`, and returns what it read.
std::string read_line(const Fd& fd, int64_t timeout_ms);

}  // namespace gatetape::tools
