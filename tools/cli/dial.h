// dial: connects to an endpoint of the configuration, to see whether somebody answers. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/os/fd.h"

namespace gatetape::tools {

// dial connects to unix:PATH or HOST:PORT (an address that means "all" becomes loopback).
// UNAVAILABLE with the system's word when nobody answers within `timeout_ms`.
absl::StatusOr<Fd> dial(const std::string& endpoint, int64_t timeout_ms);
// read_line reads up to a line end, 255 bytes at most; what came until `timeout_ms` when there is
// none.
std::string read_line(const Fd& fd, int64_t timeout_ms);

}  // namespace gatetape::tools
