// check_recorder asks a recorder through the standard health service of gRPC whether it records.
// One thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "policy/config.h"

namespace gatetape::tools {

// check_recorder connects to `endpoint` (unix:PATH or HOST:PORT) as a gateway does. It returns OK
// when the recorder reaches its database, FAILED_PRECONDITION when it does not, DEADLINE_EXCEEDED
// when it accepts the connection but does not answer within `timeout_ms`, and UNAVAILABLE when it
// cannot be reached or rejects the connection. Each text names the endpoint.
absl::Status check_recorder(const std::string& endpoint, const TlsConfig& tls, int64_t timeout_ms);

}  // namespace gatetape::tools
