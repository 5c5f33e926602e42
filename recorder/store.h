// Store: where the record is kept, as the committer sees it. The committer thread alone calls it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "log/heads_list.h"
#include "recorder/work.h"

namespace gatetape::recorder {

// SignedList is a heads list with its entry of the log.
struct SignedList {
  HeadsList list;
  std::string entry;              // the text of the entry, signed by the recorder
  Hash leaf{};                    // of the entry
  uint64_t time_ns = 0;           // of the entry
  std::vector<SessionId> opened;  // sessions whose first frame is in the transaction of the list
  std::vector<SessionId> closed;  // sessions whose signed head is in the transaction of the list
};

// Commit is what one transaction stores.
struct Commit {
  absl::Span<const SessionWrite> writes;
  absl::Span<const SignedList> lists;
};

class Store {
 public:
  virtual ~Store() = default;
  // open connects, or connects again. It returns UNAVAILABLE when it cannot, after a few seconds at
  // most.
  virtual absl::Status open() = 0;
  // commit stores all writes and lists in one transaction. It returns OK when they are durable,
  // ALREADY_EXISTS when they are certainly not stored because rows of another writer are there,
  // INVALID_ARGUMENT when they are certainly not stored because the store refuses the data,
  // FAILED_PRECONDITION when they are certainly not stored because the store swallowed rows, and
  // ABORTED when the commit is in doubt. After ABORTED and every other code the store must be
  // opened again.
  virtual absl::Status commit(const Commit& commit) = 0;
  // read_tails returns the stored end of each session, in the order of `sessions`; all of it is
  // durable. After a failure the store must be opened again.
  virtual absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) = 0;
  // keep_up makes what the store needs before long (the partitions of the days to come). After a
  // failure the store must be opened again.
  virtual absl::Status keep_up() = 0;
};

}  // namespace gatetape::recorder
