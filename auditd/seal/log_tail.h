// LogTail: where the sequencer goes on. What is stored must be what the log key signed, and what
// was published must be the beginning of it, or the sequencer signs nothing. Pure behind SealStore
// and Publication; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "auditd/seal/log_tree.h"
#include "auditd/seal/seal_store.h"
#include "log/checkpoint.h"

namespace gatetape::auditd {

struct LogTail {
  LogTree tree;
  uint64_t n = 0;            // of the newest checkpoint; 0 when none is stored
  uint64_t epoch = 0;        // the newest one; 0 when there is none
  int64_t newest_at_ns = 0;  // when the newest checkpoint was stored, by the clock of the database
};

// read_published returns the published checkpoint, or nothing. It fails with DATA_LOSS when `key`
// did not sign it for this origin, and as `publication` does.
absl::StatusOr<std::optional<Checkpoint>> read_published(Publication& publication,
                                                         const VerifierKey& key);

// read_tail reads and checks the end of the log. It fails with OUT_OF_RANGE when the database is
// behind what was published, with FAILED_PRECONDITION when it holds another tree than that, with
// DATA_LOSS when it is not what `key` signed, and as the ports do.
absl::StatusOr<LogTail> read_tail(SealStore& store, Publication& publication,
                                  const VerifierKey& key);

// check_extends compares the log with a checkpoint that this process signed before it lost the
// database, and whose commit was certain. It fails with OUT_OF_RANGE when the log is smaller, with
// FAILED_PRECONDITION when it is another tree, and as the port does.
absl::Status check_extends(SealStore& store, const LogTail& tail, const TreeHead& signed_before);

// restore_published appends to a database that is behind the published entries that it lacks, when
// they lead to the published checkpoint, so that the log only grows. It fails with
// FAILED_PRECONDITION, and stores nothing, when an entry is missing or they do not, and as the
// ports do.
absl::Status restore_published(SealStore& store, Publication& publication,
                               const NoteSigner& signer);

}  // namespace gatetape::auditd
