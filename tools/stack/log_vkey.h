// DIR/keys/log.vkey: the verifier key of the log of one stack, which auditors and the gateway
// trust. Main thread.
#pragma once

#include "absl/status/status.h"
#include "policy/config.h"
#include "tools/stack/state_dir.h"

namespace gatetape::tools {

// write_log_vkey writes the file when there is none. It fails with FAILED_PRECONDITION when there
// is one of another key or of another origin, because a log keeps both for ever, and as
// SigningKey::load does.
absl::Status write_log_vkey(const StateDir& state, const Config& config);

}  // namespace gatetape::tools
