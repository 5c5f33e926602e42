// BatchPager: reads the stored batches of one session, a few megabytes at a time, so that neither
// memory nor a connection is held by the size of a session or by a slow reader. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"
#include "record/session_id.h"
#include "record/verify.h"

namespace gatetape::auditd {

class BatchPager {
 public:
  explicit BatchPager(const SessionId& session) : session_(session) {}

  // seek moves to the batch that holds frame `seq`.
  absl::Status seek(Db& db, uint64_t seq);
  // next returns the following batches, none when there are no more now.
  absl::StatusOr<std::vector<StoredBatch>> next(Db& db);
  // at_end returns true when the last page held all that was stored: in one snapshot nothing
  // follows.
  bool at_end() const { return at_end_; }

 private:
  SessionId session_;
  int64_t after_first_seq_ = 0;
  bool at_end_ = false;
  int64_t rows_ = 4;  // rows that are looked at for the next page; it adapts to their size
};

}  // namespace gatetape::auditd
