// FrameReader and FrameSender: the two ends of ReadFrames. One reads stored batches, the other
// sends messages of about a megabyte. Both are made for one call; one thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "auditd/read/batch_pager.h"
#include "base/db/db.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/frame.h"

namespace gatetape::auditd {

// FrameReader is lent a connection for each page alone, so that a slow client holds none.
class FrameReader {
 public:
  // `from_seq` is the first frame wanted; 0 and 1 are the start.
  FrameReader(const SessionId& session, uint64_t from_seq) : pager_(session), from_seq_(from_seq) {}

  // next returns the following frames, none when there are no more now. DATA_LOSS when a stored
  // batch is not readable.
  absl::StatusOr<std::vector<Frame>> next(Db& db);
  // ended returns true once next has returned the session's last frame.
  bool ended() const { return ended_; }

 private:
  BatchPager pager_;
  uint64_t from_seq_;
  bool sought_ = false;
  bool ended_ = false;
};

class FrameSender {
 public:
  explicit FrameSender(grpc::ServerWriter<audit::v1::FrameBatch>* writer) : writer_(writer) {}

  // add sends when enough is collected. It returns false when the client is gone.
  bool add(Frame frame);
  // flush sends what is left. It returns false when the client is gone.
  bool flush();

 private:
  grpc::ServerWriter<audit::v1::FrameBatch>* writer_;
  audit::v1::FrameBatch batch_;
  size_t bytes_ = 0;
};

}  // namespace gatetape::auditd
