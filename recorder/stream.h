// Stream: the gRPC call around the decisions of recorder/stream_core. Three threads take part:
// gRPC's handler thread reads requests and submits their work, a thread of this stream writes the
// answers (so that a peer that does not read blocks no other stream), and the committer thread
// answers through Lane. No thread holds the lock while it reads, writes or submits.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gatetape/record/v1/record.grpc.pb.h"
#include "recorder/checkpoint_watch.h"
#include "recorder/committer.h"
#include "recorder/stream_core.h"

namespace gatetape::recorder {

class Stream : public Lane, public CheckpointSink, public std::enable_shared_from_this<Stream> {
 public:
  using Call = grpc::ServerReaderWriter<record::v1::RecordResponse, record::v1::RecordRequest>;

  // Parts live longer than the stream.
  struct Parts {
    Committer* committer;
    CheckpointWatch* checkpoints;  // null when this recorder sends none
  };
  // `context` and `call` live until run() returns.
  Stream(grpc::ServerContext* context, Call* call, const Parts& parts, RequestCore requests);

  // run serves the call until it ends and returns its status: OK after a half-close when all work
  // is answered, UNAVAILABLE after a failed commit or when draining, INVALID_ARGUMENT for a peer
  // that exceeds a limit. Handler thread.
  grpc::Status run();
  // drain asks the peer to half-close. Any thread.
  void drain();

  void on_bound(uint32_t handle, const Tail& tail) override;
  void on_durable(uint32_t handle, uint64_t seq, const Hash& root) override;
  void on_closed(uint32_t handle, const SignedHead& head) override;
  void on_refused(uint32_t handle, const Refusal& refusal) override;
  void on_failed(const absl::Status& why) override;
  void on_finished() override;
  bool on_checkpoint(const record::v1::Checkpoint& checkpoint) override;

 private:
  void read_requests();
  void ask_for_checkpoints(const record::v1::RecordRequest& request);
  absl::Status take_request(record::v1::RecordRequest request);
  void write_answers();
  bool next_response(record::v1::RecordResponse* response);
  void end(const absl::Status& why);

  grpc::ServerContext* const context_;
  Call* const call_;
  const Parts parts_;
  RequestCore requests_;  // handler thread
  bool is_first_ = true;  // request of the call; handler thread

  absl::Mutex mutex_;
  AnswerCore answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::recorder
