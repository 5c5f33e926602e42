// Store: where the record is kept, as the committer sees it. One thread, the committer's.
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
  // open connects, or connects again; UNAVAILABLE when it cannot. It waits a few seconds at most.
  virtual absl::Status open() = 0;
  // commit stores all of it in one transaction. OK = durable. ALREADY_EXISTS = certainly not,
  // another writer's rows are there. INVALID_ARGUMENT = certainly not, the data does not fit.
  // ABORTED = in doubt. After any other code, too, the store must be opened again.
  virtual absl::Status commit(absl::Span<const SessionWrite> writes) = 0;
  // read_tails gives what is stored of each session, all of it durable; after a failure the store
  // must be opened again.
  virtual absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) = 0;
  // keep_up does what is due now and then (partitions of the days to come). After a failure the
  // store goes on.
  virtual absl::Status keep_up() = 0;
};

}  // namespace gatetape::recorder
