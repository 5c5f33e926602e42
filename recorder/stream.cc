#include "recorder/stream.h"

#include <grpc/grpc.h>

#include <string>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/os/grpc_values.h"

namespace gatetape::recorder {

Stream::Stream(grpc::ServerContext* context, Call* call, const Parts& parts, RequestCore requests)
    : context_(context), call_(call), parts_(parts), requests_(std::move(requests)) {}

grpc::Status Stream::run() {
  std::thread writer([this] { write_answers(); });
  read_requests();
  std::vector<Work> work;
  work.push_back(requests_.finish(shared_from_this()));
  parts_.committer->submit(std::move(work));
  writer.join();  // when all work is answered and the answers are written
  const absl::MutexLock lock(&mutex_);
  return to_grpc(answers_.take_status());
}

void Stream::drain() {
  const absl::MutexLock lock(&mutex_);
  answers_.drain();
}

// A handler that returned a status would wait for a peer that neither sends nor half-closes.
// Cancelling the call sends the status at once, and ends the Read and the Write that are under way.
void Stream::end(const absl::Status& why) {
  const absl::MutexLock lock(&mutex_);
  if (!answers_.end(why)) return;
  grpc_call_cancel_with_status(context_->c_call(), static_cast<grpc_status_code>(why.code()),
                               std::string(why.message()).c_str(), nullptr);
}

void Stream::read_requests() {
  record::v1::RecordRequest request;
  while (call_->Read(&request)) {
    ask_for_checkpoints(request);
    const absl::Status taken = take_request(std::move(request));
    if (!taken.ok()) return end(taken);
    request = {};
  }
}

void Stream::ask_for_checkpoints(const record::v1::RecordRequest& request) {
  if (!std::exchange(is_first_, false) || !request.has_checkpoint_size()) return;
  CHECK(!is_first_, request.checkpoint_size());
  if (parts_.checkpoints != nullptr)
    parts_.checkpoints->ask(weak_from_this(), request.checkpoint_size());
}

absl::Status Stream::take_request(record::v1::RecordRequest request) {
  std::vector<HandleTail> tails;
  {
    const absl::MutexLock lock(&mutex_);
    tails = answers_.take_tails();
  }
  RequestCore::Taken taken = requests_.take(std::move(request), tails, shared_from_this());
  CHECK(taken.status.ok() || taken.work.empty(), taken.work.size());
  if (!taken.refusals.empty()) {
    const absl::MutexLock lock(&mutex_);
    for (const HandleRefusal& one : taken.refusals) answers_.on_refused(one.handle, one.refusal);
  }
  if (!taken.work.empty()) parts_.committer->submit(std::move(taken.work));
  return taken.status;
}

void Stream::write_answers() {
  record::v1::RecordResponse response;
  while (next_response(&response)) {
    if (!call_->Write(response)) end(absl::CancelledError("the peer is gone"));
    response.Clear();
  }
}

// next_response waits for the next answers. It returns false when nothing more is to be written.
bool Stream::next_response(record::v1::RecordResponse* response) {
  const absl::MutexLock lock(&mutex_);
  const auto has_turn = [this] {
    mutex_.AssertReaderHeld();
    return answers_.turn() != AnswerCore::Turn::kWait;
  };
  mutex_.Await(absl::Condition(&has_turn));
  if (answers_.turn() == AnswerCore::Turn::kReturn) return false;
  answers_.fill(response);
  return true;
}

void Stream::on_bound(uint32_t handle, const Tail& tail) {
  const absl::MutexLock lock(&mutex_);
  answers_.on_bound(handle, tail);
}

void Stream::on_durable(uint32_t handle, uint64_t seq, const Hash& root) {
  const absl::MutexLock lock(&mutex_);
  answers_.on_durable(handle, seq, root);
}

void Stream::on_closed(uint32_t handle, const SignedHead& head) {
  const absl::MutexLock lock(&mutex_);
  answers_.on_closed(handle, head);
}

void Stream::on_refused(uint32_t handle, const Refusal& refusal) {
  const absl::MutexLock lock(&mutex_);
  answers_.on_refused(handle, refusal);
}

void Stream::on_failed(const absl::Status& why) {
  end(absl::UnavailableError("the record was not committed: " + std::string(why.message())));
}

void Stream::on_finished() {
  const absl::MutexLock lock(&mutex_);
  answers_.on_finished();
}

bool Stream::on_checkpoint(const record::v1::Checkpoint& checkpoint) {
  const absl::MutexLock lock(&mutex_);
  return answers_.on_checkpoint(checkpoint);
}

}  // namespace gatetape::recorder
