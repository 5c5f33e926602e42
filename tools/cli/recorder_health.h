// check_recorder: asks a recorder, by gRPC's standard health service, whether it records. One
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "policy/config.h"

namespace gatetape::tools {

// check_recorder asks the recorder on `endpoint` (unix:PATH or HOST:PORT, reached as a gateway
// reaches it). OK when it has its database. FAILED_PRECONDITION when it has none, DEADLINE_EXCEEDED
// when it takes the connection but says nothing for `timeout_ms`, UNAVAILABLE when it cannot be
// reached or refuses us; each with the endpoint in it.
absl::Status check_recorder(const std::string& endpoint, const TlsConfig& tls, int64_t timeout_ms);

}  // namespace gatetape::tools
