// MemoryRecorder: the Record service without a database, for tests of writers. It keeps every
// frame, computes every root, and can stop acknowledging on demand.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gatetape/record/v1/record.grpc.pb.h"
#include "record/commit_keys.h"
#include "record/merkle.h"

namespace gatetape::test {

class MemoryRecorder : public record::v1::RecorderService::Service {
 public:
  struct Stored {
    std::optional<CommitKeys> keys;  // since the bind
    std::vector<Frame> frames;
    CompactRange tree;
    bool closed = false;
  };

  // The constructor listens on a unix socket at `path`.
  explicit MemoryRecorder(const std::string& path);
  ~MemoryRecorder() override;

  // hold stops (true) or resumes (false) the acknowledgements. Frames are still stored.
  void hold(bool held);
  // send_checkpoint sets what each stream that asks for checkpoints gets at once, as a response of
  // its own.
  void send_checkpoint(const record::v1::Checkpoint& checkpoint);
  // asked_sizes returns the sizes that the streams have named so far.
  std::vector<uint64_t> asked_sizes();
  // break_streams stops all streams, as a failed commit does.
  void break_streams();
  // sessions returns a copy of everything that is stored, by session id as text.
  std::map<std::string, Stored> sessions();
  // wait_for waits until `done` returns true for what is stored. It returns false after 10 s.
  bool wait_for(const std::function<bool(const std::map<std::string, Stored>&)>& done);

  grpc::Status Record(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<record::v1::RecordResponse,
                                               record::v1::RecordRequest>* stream) override;

 private:
  record::v1::RecordResponse answer_asker(const record::v1::RecordRequest& request);
  void take(const record::v1::Item& item, std::map<uint32_t, std::string>* handles,
            record::v1::RecordResponse* response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::map<std::string, Stored> sessions_ ABSL_GUARDED_BY(mutex_);
  record::v1::Checkpoint checkpoint_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> asked_sizes_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<grpc::ServerContext*> streams_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace gatetape::test
