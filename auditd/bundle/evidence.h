// Evidence: what is stored about one session besides its frames, in the form of the members of a
// bundle (docs/FORMAT.md section 10). It is read in one snapshot; one thread uses the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"
#include "bundle/statements.h"
#include "record/commit_keys.h"

namespace gatetape::auditd {

struct Evidence {
  SessionId session;
  CommitKeys keys{std::string(kCommitKeyBytes, '\0')};
  int64_t started_at_ns = 0;  // Unix time
  uint64_t frames = 0;        // that something signed names; the bundle holds no more
  uint64_t stored_frames = 0;
  std::optional<SignedHead> head;
  std::string checkpoint;  // the signed note
  std::vector<BundleEntry> entries;
  std::vector<BundleLine> lines;
};

// read_evidence reads it. It fails with UNAVAILABLE when the newest checkpoint does not cover what
// the bundle needs, so that the caller tries again; with NOT_FOUND when there is no such session;
// with FAILED_PRECONDITION when there cannot be a bundle; and with DATA_LOSS when rows of the log
// do not lead to its checkpoint.
absl::StatusOr<Evidence> read_evidence(Db& db, const SessionId& session);

}  // namespace gatetape::auditd
