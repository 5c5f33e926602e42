// Store: where the record is kept, as the committer sees it. The committer thread alone calls it.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recorder/work.h"

namespace gatetape::recorder {

class Store {
 public:
  virtual ~Store() = default;
  // open connects, or connects again. It returns UNAVAILABLE when it cannot, after a few seconds at
  // most.
  virtual absl::Status open() = 0;
  // commit stores all writes in one transaction. It returns OK when they are durable,
  // ALREADY_EXISTS when they are certainly not stored because rows of another writer are there,
  // INVALID_ARGUMENT when they are certainly not stored because the store refuses the data,
  // FAILED_PRECONDITION when they are certainly not stored because the store swallowed rows, and
  // ABORTED when the commit is in doubt. After ABORTED and every other code the store must be
  // opened again.
  virtual absl::Status commit(absl::Span<const SessionWrite> writes) = 0;
  // read_tails returns the stored end of each session, in the order of `sessions`; all of it is
  // durable. After a failure the store must be opened again.
  virtual absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) = 0;
  // keep_up makes what the store needs before long (the partitions of the days to come). After a
  // failure the store must be opened again.
  virtual absl::Status keep_up() = 0;
};

}  // namespace gatetape::recorder
