// Writer is the right of a peer to write: which sessions a stream may hold. Pure; any thread.
#pragma once

#include "absl/status/statusor.h"
#include "base/os/peer_role.h"

namespace gatetape::recorder {

enum class Writer {
  kAnySession,   // a gateway
  kSystemAlone,  // a daemon that writes what it does into its own system session
};

// writer_of_role returns what a process with this role may write. It fails with PERMISSION_DENIED
// for a role that does not write.
absl::StatusOr<Writer> writer_of_role(PeerRole role);

}  // namespace gatetape::recorder
