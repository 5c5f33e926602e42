// Stream: one Record call. gRPC's handler thread reads, checks (Ingest) and submits; a thread of
// the stream's own writes the answers, so that a peer that does not read holds up nobody else; the
// committer thread answers through Lane.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/crypto.h"
#include "gatetape/record/v1/record.grpc.pb.h"
#include "recorder/committer.h"
#include "recorder/ingest.h"
#include "recorder/outbox.h"

namespace gatetape::recorder {

class Stream : public Lane, public std::enable_shared_from_this<Stream> {
 public:
  using Call = grpc::ServerReaderWriter<record::v1::RecordResponse, record::v1::RecordRequest>;

  // `context` and `call` live until run() returns; `committer` and `key` longer than the stream.
  Stream(grpc::ServerContext* context, Call* call, Committer* committer, const SigningKey* key);

  // run serves the call to its end and gives its status: OK after a half-close when all is
  // answered, UNAVAILABLE after a failed commit or when draining, INVALID_ARGUMENT for a peer that
  // breaks a limit. Handler thread.
  grpc::Status run();
  // drain asks the peer to half-close. Any thread.
  void drain();

  void on_bound(uint32_t handle, const Tail& tail) override;
  void on_durable(uint32_t handle, uint64_t seq, const Hash& root) override;
  void on_closed(uint32_t handle, const SignedHead& head) override;
  void on_refused(uint32_t handle, const Refusal& refusal) override;
  void on_failed(const absl::Status& why) override;
  void on_finished() override;

  static constexpr int kItemsMax = 512;
  static constexpr size_t kRequestPayloadBytesMax = 768 << 10;  // 512 KiB and one item more
  static constexpr size_t kSessionsMax = 65536;

 private:
  void write_answers();
  bool next_response(record::v1::RecordResponse* response);
  // take_request gives what is wrong with a request as a whole.
  absl::Status take_request(record::v1::RecordRequest request);
  void take_item(record::v1::Item* item, std::vector<Work>* work);
  void take_close(uint32_t handle, const record::v1::Close& close, Ingest* ingest,
                  std::vector<Work>* work);
  void take_tails();
  Work work_of(Work::Kind kind, uint32_t handle, const Ingest& ingest);
  void end(const absl::Status& why);

  grpc::ServerContext* const context_;
  Call* const call_;
  Committer* const committer_;
  const SigningKey* const key_;
  std::map<uint32_t, Ingest> sessions_;  // handler thread, by handle

  absl::Mutex mutex_;
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<uint32_t, Tail>> tails_ ABSL_GUARDED_BY(mutex_);  // for sessions_
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);  // why this side ended the call
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;   // all work is answered
  bool returning_ ABSL_GUARDED_BY(mutex_) = false;  // context_ and call_ are about to go
};

}  // namespace gatetape::recorder
