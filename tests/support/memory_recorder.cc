#include "tests/support/memory_recorder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "record/session_id.h"

namespace gatetape::test {

using record::v1::Answer;
using record::v1::Item;
using record::v1::RecordRequest;
using record::v1::RecordResponse;

MemoryRecorder::MemoryRecorder(const std::string& path) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  CHECK(server_ != nullptr, path);
}

MemoryRecorder::~MemoryRecorder() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  break_streams();
  server_->Shutdown();
}

void MemoryRecorder::hold(bool held) {
  const absl::MutexLock lock(&mutex_);
  held_ = held;
}

void MemoryRecorder::break_streams() {
  const absl::MutexLock lock(&mutex_);
  for (grpc::ServerContext* stream : streams_) stream->TryCancel();
}

std::map<std::string, MemoryRecorder::Stored> MemoryRecorder::sessions() {
  const absl::MutexLock lock(&mutex_);
  return sessions_;
}

bool MemoryRecorder::wait_for(
    const std::function<bool(const std::map<std::string, Stored>&)>& done) {
  const absl::MutexLock lock(&mutex_);
  const auto holds = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return done(sessions_); };
  return mutex_.AwaitWithTimeout(absl::Condition(&holds), absl::Seconds(10));
}

grpc::Status MemoryRecorder::Record(
    grpc::ServerContext* context, grpc::ServerReaderWriter<RecordResponse, RecordRequest>* stream) {
  {
    const absl::MutexLock lock(&mutex_);
    streams_.push_back(context);
  }
  std::map<uint32_t, std::string> handles;
  RecordRequest request;
  while (stream->Read(&request)) {
    RecordResponse response;
    if (request.has_checkpoint_size() && !stream->Write(answer_asker(request))) break;
    {
      const absl::MutexLock lock(&mutex_);
      for (const Item& item : request.items()) take(item, &handles, &response);
      const auto released = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !held_ || stopping_;
      };
      mutex_.Await(absl::Condition(&released));
    }
    if (response.answers_size() > 0 && !stream->Write(response)) break;
  }
  const absl::MutexLock lock(&mutex_);
  streams_.erase(std::remove(streams_.begin(), streams_.end(), context), streams_.end());
  return grpc::Status::OK;
}

RecordResponse MemoryRecorder::answer_asker(const RecordRequest& request) {
  const absl::MutexLock lock(&mutex_);
  asked_sizes_.push_back(request.checkpoint_size());
  RecordResponse response;
  *response.mutable_checkpoint() = checkpoint_;
  return response;
}

void MemoryRecorder::send_checkpoint(const record::v1::Checkpoint& checkpoint) {
  const absl::MutexLock lock(&mutex_);
  checkpoint_ = checkpoint;
}

std::vector<uint64_t> MemoryRecorder::asked_sizes() {
  const absl::MutexLock lock(&mutex_);
  return asked_sizes_;
}

void MemoryRecorder::take(const Item& item, std::map<uint32_t, std::string>* handles,
                          RecordResponse* response) {
  if (item.has_bind()) {
    const std::string id = SessionId::from_bytes(item.bind().session_id())->to_text();
    (*handles)[item.session_handle()] = id;
    sessions_[id].keys.emplace(item.bind().commit_key());
    if (item.bind().fresh()) return;
    Answer* answer = response->add_answers();
    answer->set_session_handle(item.session_handle());
    answer->mutable_bound()->set_seq(sessions_[id].tree.size());
    answer->mutable_bound()->set_root(std::string(view(sessions_[id].tree.root())));
    return;
  }
  const std::string& id = (*handles)[item.session_handle()];
  Stored& stored = sessions_[id];
  if (item.has_resume()) return;
  Answer* answer = response->add_answers();
  answer->set_session_handle(item.session_handle());
  if (item.has_close()) {
    stored.closed = true;
    answer->mutable_closed();
    return;
  }
  Frame frame{item.seq(), item.channel(), static_cast<FrameKind>(item.kind()), item.offset_ns(),
              item.payload()};
  CHECK(frame.seq == stored.tree.size() + 1, frame.seq, stored.tree.size());
  stored.tree.append(leaf_hash(*SessionId::from_text(id), *stored.keys, frame));
  CHECK(view(stored.tree.root()) == item.root(), frame.seq);
  stored.frames.push_back(std::move(frame));
  answer->mutable_durable()->set_seq(stored.tree.size());
  answer->mutable_durable()->set_root(std::string(view(stored.tree.root())));
}

}  // namespace gatetape::test
