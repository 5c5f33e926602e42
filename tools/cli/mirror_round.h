// One round of a mirror: it reads the published checkpoint, compares it with the newest one that
// the folder holds, and keeps it, or both when they contradict each other. Main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "log/checkpoint.h"
#include "log/mirror_core.h"
#include "log/vkey.h"
#include "tools/cli/mirror_folder.h"
#include "tools/cli/mirror_source.h"

namespace gatetape::tools {

// TrustedKeys are the keys that an auditor was given, of one log and of witnesses.
struct TrustedKeys {
  std::string origin;  // the name of the keys of the log
  std::vector<VerifierKey> keys;
};

struct MirrorRound {
  MirrorFinding finding;
  TrustedCheckpoint found;
  std::optional<TrustedCheckpoint> kept;  // the newest one before
};

// mirror_round runs one round on `day`, YYYY-MM-DD. It fails with UNAVAILABLE when nothing could be
// read or compared, with DATA_LOSS when the published checkpoint has no good signature or when the
// folder holds a fork of an earlier round, and with FAILED_PRECONDITION when its newest checkpoint
// is damaged.
absl::StatusOr<MirrorRound> mirror_round(MirrorSource& source, const MirrorFolder& folder,
                                         const TrustedKeys& keys, const std::string& day);

}  // namespace gatetape::tools
