// BatchPager: the stored batches of one session, a few megabytes at a time, so that neither memory
// nor a connection is held by a session's size or a slow reader. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/pg.h"
#include "record/session_id.h"
#include "record/verify.h"

namespace gatetape::auditd {

class BatchPager {
 public:
  explicit BatchPager(const SessionId& session) : session_(session) {}

  // seek moves to the batch that holds frame `seq`.
  absl::Status seek(PgConnection& connection, uint64_t seq);
  // next gives the following batches, none when there are no more now.
  absl::StatusOr<std::vector<StoredBatch>> next(PgConnection& connection);

 private:
  SessionId session_;
  int64_t after_first_seq_ = 0;
  int64_t rows_ = 4;  // looked at for a page; adapts to their size
};

}  // namespace gatetape::auditd
