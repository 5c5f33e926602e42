#include "recorder/stream.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <string_view>
#include <thread>

namespace gatetape::recorder {
namespace {

constexpr size_t kAnsweredSessionsMax = 1024;  // in one response
constexpr Hash kNoHash{};

grpc::Status to_grpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

Frame frame_of(record::v1::Item* item) {
  Frame frame;
  frame.seq = item->seq();
  frame.channel = item->channel();
  // A number that no uint16 holds is unknown like 0.
  frame.kind = static_cast<FrameKind>(item->kind() <= UINT16_MAX ? item->kind() : 0);
  frame.offset_ns = item->offset_ns();
  frame.payload = std::move(*item->mutable_payload());
  return frame;
}

Hash hash_of(const std::string& bytes) {
  Hash hash = kNoHash;
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

}  // namespace

Stream::Stream(grpc::ServerContext* context, Call* call, Committer* committer,
               const SigningKey* key)
    : context_(context), call_(call), committer_(committer), key_(key) {}

grpc::Status Stream::run() {
  std::thread writer([this] { write_answers(); });
  record::v1::RecordRequest request;
  while (call_->Read(&request)) {
    const absl::Status taken = take_request(std::move(request));
    if (!taken.ok()) {
      end(taken);
      break;
    }
    request = {};
  }
  Work finish;
  finish.kind = Work::Kind::kFinish;
  finish.lane = shared_from_this();
  std::vector<Work> work;
  work.push_back(std::move(finish));
  committer_->submit(std::move(work));
  writer.join();  // when all work is answered and the answers are written
  const absl::MutexLock lock(&mutex_);
  returning_ = true;
  if (!ended_.ok()) return to_grpc(ended_);
  return draining_ ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining") : grpc::Status::OK;
}

void Stream::drain() {
  const absl::MutexLock lock(&mutex_);
  draining_ = true;
}

// end cancels the call with a status that the peer sees; returning it from the handler would wait
// for a peer that neither sends nor half-closes.
void Stream::end(const absl::Status& why) {
  const absl::MutexLock lock(&mutex_);
  if (!ended_.ok() || returning_) return;
  ended_ = why;
  grpc_call_cancel_with_status(context_->c_call(), static_cast<grpc_status_code>(why.code()),
                               std::string(why.message()).c_str(), nullptr);
}

void Stream::write_answers() {
  record::v1::RecordResponse response;
  while (next_response(&response)) {
    if (!call_->Write(response)) end(absl::CancelledError("the peer is gone"));
    response.Clear();
  }
}

bool Stream::next_response(record::v1::RecordResponse* response) {
  const absl::MutexLock lock(&mutex_);
  const auto has_news = [this] {
    mutex_.AssertReaderHeld();
    const bool may_write = ended_.ok() && (!outbox_.empty() || (draining_ && !told_draining_));
    return may_write || finished_;
  };
  mutex_.Await(absl::Condition(&has_news));
  if (!ended_.ok() || (outbox_.empty() && finished_)) return false;
  outbox_.fill(response, kAnsweredSessionsMax);
  response->set_draining(draining_ && !told_draining_);
  told_draining_ = draining_;
  return true;
}

absl::Status Stream::take_request(record::v1::RecordRequest request) {
  if (request.items_size() > kItemsMax)
    return absl::InvalidArgumentError("a request has more than 512 items");
  size_t payload_bytes = 0;
  for (const record::v1::Item& item : request.items()) payload_bytes += item.payload().size();
  if (payload_bytes > kRequestPayloadBytesMax)
    return absl::InvalidArgumentError("a request has more than 512 KiB of payload");
  take_tails();
  std::vector<Work> work;
  for (record::v1::Item& item : *request.mutable_items()) take_item(&item, &work);
  if (sessions_.size() > kSessionsMax)
    return absl::InvalidArgumentError("the stream has too many sessions");
  if (!work.empty()) committer_->submit(std::move(work));
  return absl::OkStatus();
}

void Stream::take_tails() {
  std::vector<std::pair<uint32_t, Tail>> tails;
  {
    const absl::MutexLock lock(&mutex_);
    tails.swap(tails_);
  }
  for (const auto& [handle, tail] : tails) {
    const auto session = sessions_.find(handle);
    if (session == sessions_.end()) continue;
    // A session with a head was refused by on_bound already.
    if (session->second.on_tail(tail) == Ingest::Verdict::kRefuse && !tail.has_head)
      on_refused(handle, session->second.refusal());
  }
}

Work Stream::work_of(Work::Kind kind, uint32_t handle, const Ingest& ingest) {
  Work work;
  work.kind = kind;
  work.lane = shared_from_this();
  work.handle = handle;
  work.session = ingest.session();
  return work;
}

void Stream::take_item(record::v1::Item* item, std::vector<Work>* work) {
  const uint32_t handle = item->session_handle();
  Ingest& ingest = sessions_[handle];
  Ingest::Verdict verdict = Ingest::Verdict::kIgnore;
  if (item->seq() == 0 && item->has_close()) {
    take_close(handle, item->close(), &ingest, work);
    return;
  }
  if (item->seq() == 0 && item->has_bind()) {
    verdict = ingest.on_bind(item->bind());
    if (verdict == Ingest::Verdict::kAccept && !ingest.is_fresh())
      work->push_back(work_of(Work::Kind::kBind, handle, ingest));
  } else if (item->seq() == 0 && item->has_resume()) {
    verdict = ingest.on_resume(item->resume());
  } else {
    Work one = work_of(Work::Kind::kFrame, handle, ingest);
    one.frame = frame_of(item);
    verdict = ingest.on_frame(one.frame, item->root());
    if (verdict == Ingest::Verdict::kAccept) {
      one.root = hash_of(item->root());
      if (one.frame.seq == 1) one.commit_key = ingest.commit_key();
      one.derived = ingest.take_derived();
      work->push_back(std::move(one));
    }
  }
  if (verdict == Ingest::Verdict::kRefuse) on_refused(handle, ingest.refusal());
}

void Stream::take_close(uint32_t handle, const record::v1::Close& close, Ingest* ingest,
                        std::vector<Work>* work) {
  const Ingest::Verdict verdict = ingest->on_close(close);
  if (verdict == Ingest::Verdict::kRefuse) on_refused(handle, ingest->refusal());
  if (verdict != Ingest::Verdict::kAccept) return;
  Work one = work_of(Work::Kind::kClose, handle, *ingest);
  one.head = std::make_unique<SignedHead>();
  one.head->head = ingest->head();
  one.head->gateway_key = close.public_key();
  one.head->gateway_signature = close.signature();
  one.head->recorder_key = key_->public_key().raw;
  one.head->recorder_signature = key_->sign(one.head->head.signed_text());
  work->push_back(std::move(one));
  sessions_.erase(handle);  // a stream outlives its sessions by far
}

void Stream::on_bound(uint32_t handle, const Tail& tail) {
  const absl::MutexLock lock(&mutex_);
  tails_.emplace_back(handle, tail);
  outbox_.put_bound(handle, tail.last_seq, tail.root);
  // A writer that bound a session with a head learns what is durable, and waits for nothing else.
  if (tail.has_head)
    outbox_.put_refusal(handle,
                        {record::v1::Refusal::CODE_CLOSED, "the session has a signed head"});
}

void Stream::on_durable(uint32_t handle, uint64_t seq, const Hash& root) {
  const absl::MutexLock lock(&mutex_);
  outbox_.put_durable(handle, seq, root);
}

void Stream::on_closed(uint32_t handle, const SignedHead& head) {
  const absl::MutexLock lock(&mutex_);
  outbox_.put_closed(handle, head);
}

void Stream::on_refused(uint32_t handle, const Refusal& refusal) {
  const absl::MutexLock lock(&mutex_);
  outbox_.put_refusal(handle, refusal);
}

void Stream::on_failed(const absl::Status& why) {
  end(absl::UnavailableError("the record was not committed: " + std::string(why.message())));
}

void Stream::on_finished() {
  const absl::MutexLock lock(&mutex_);
  finished_ = true;
}

}  // namespace gatetape::recorder
