#include "recorder/stream_core.h"

#include <utility>

#include "base/check.h"

namespace gatetape::recorder {
namespace {

using Verdict = Ingest::Verdict;

// Sessions with answers in one response. At this limit the rest waits for the next response, so
// that a response stays far below gRPC's limit of 4 MiB.
constexpr size_t kAnsweredSessionsMax = 1024;

Frame frame_of(record::v1::Item* item) {
  Frame frame;
  frame.seq = item->seq();
  frame.channel = item->channel();
  // Ingest refuses a number that does not fit into uint16 as it refuses the kind 0.
  frame.kind = static_cast<FrameKind>(item->kind() <= UINT16_MAX ? item->kind() : 0);
  frame.offset_ns = item->offset_ns();
  frame.payload = std::move(*item->mutable_payload());
  return frame;
}

Work work_of(Work::Kind kind, uint32_t handle, const Ingest& ingest,
             const std::shared_ptr<Lane>& lane) {
  Work work;
  work.kind = kind;
  work.lane = lane;
  work.handle = handle;
  work.session = ingest.session();
  work.rebound = ingest.is_rebound();
  return work;
}

}  // namespace

Ingest& RequestCore::ingest_of(uint32_t handle) {
  return sessions_.try_emplace(handle, options_.writer).first->second;
}

absl::Status RequestCore::check_limits(const record::v1::RecordRequest& request) {
  if (request.items_size() > kItemsMax)
    return absl::InvalidArgumentError("a request has more than 512 items");
  size_t payload_bytes = 0;
  for (const record::v1::Item& item : request.items()) payload_bytes += item.payload().size();
  if (payload_bytes > kRequestPayloadBytesMax)
    return absl::InvalidArgumentError("a request has more than 512 KiB of payload");
  return absl::OkStatus();
}

RequestCore::Taken RequestCore::take(record::v1::RecordRequest request,
                                     const std::vector<HandleTail>& tails,
                                     const std::shared_ptr<Lane>& lane) {
  CHECK(state_ == State::kReading, static_cast<int>(state_));
  Taken taken;
  taken.status = check_limits(request);
  if (taken.status.ok()) {
    take_tails(tails, &taken);
    for (record::v1::Item& item : *request.mutable_items()) take_item(&item, lane, &taken);
    if (sessions_.size() > kSessionsMax)
      taken.status = absl::InvalidArgumentError("the stream has too many sessions");
    CHECK(sessions_.size() <= kSessionsMax + kItemsMax, sessions_.size());
  }
  CHECK(taken.work.size() <= static_cast<size_t>(request.items_size()), taken.work.size());
  if (taken.status.ok()) return taken;
  state_ = State::kBroken;
  taken.work.clear();
  return taken;
}

Work RequestCore::finish(const std::shared_ptr<Lane>& lane) {
  CHECK(state_ != State::kFinished);
  state_ = State::kFinished;
  Work work;
  work.kind = Work::Kind::kFinish;
  work.lane = lane;
  return work;
}

// Only an adapter that mixed up two streams has a tail for a handle that never asked for one. A
// session that was closed since, or refused, does not need its tail any more.
void RequestCore::take_tails(const std::vector<HandleTail>& tails, Taken* taken) {
  for (const HandleTail& one : tails) {
    const auto found = sessions_.find(one.handle);
    if (found == sessions_.end()) continue;
    Ingest& ingest = found->second;
    // AnswerCore::on_bound has refused a session with a head.
    if (ingest.on_tail(one.tail) == Verdict::kRefuse && !one.tail.has_head)
      taken->refusals.push_back({one.handle, ingest.refusal()});
    CHECK(!ingest.is_waiting_for_tail(), one.handle);
  }
}

void RequestCore::take_item(record::v1::Item* item, const std::shared_ptr<Lane>& lane,
                            Taken* taken) {
  if (item->seq() == 0 && item->has_close()) return take_close(*item, lane, taken);
  if (item->seq() == 0 && item->has_bind()) return take_bind(*item, lane, taken);
  if (item->seq() > 0 || !item->has_resume()) return take_frame(item, lane, taken);
  Ingest& ingest = ingest_of(item->session_handle());
  const Verdict verdict = ingest.on_resume(item->resume());
  if (verdict == Verdict::kRefuse)
    taken->refusals.push_back({item->session_handle(), ingest.refusal()});
  CHECK(verdict != Verdict::kAccept || ingest.is_fresh(), item->session_handle());
}

void RequestCore::take_bind(const record::v1::Item& item, const std::shared_ptr<Lane>& lane,
                            Taken* taken) {
  const uint32_t handle = item.session_handle();
  Ingest& ingest = ingest_of(handle);
  const Verdict verdict = ingest.on_bind(item.bind());
  if (verdict == Verdict::kRefuse) taken->refusals.push_back({handle, ingest.refusal()});
  if (verdict != Verdict::kAccept || ingest.is_fresh()) return;
  CHECK(ingest.is_waiting_for_tail(), handle);
  taken->work.push_back(work_of(Work::Kind::kBind, handle, ingest, lane));
}

void RequestCore::take_frame(record::v1::Item* item, const std::shared_ptr<Lane>& lane,
                             Taken* taken) {
  const uint32_t handle = item->session_handle();
  Ingest& ingest = ingest_of(handle);
  Work work = work_of(Work::Kind::kFrame, handle, ingest, lane);
  work.frame = frame_of(item);
  const Verdict verdict = ingest.on_frame(work.frame, item->root());
  if (verdict == Verdict::kRefuse) taken->refusals.push_back({handle, ingest.refusal()});
  if (verdict != Verdict::kAccept) return;
  const SessionHead head = ingest.head();
  CHECK(head.size == work.frame.seq, head.size, work.frame.seq);
  work.root = head.root;
  if (work.frame.seq == 1) work.keys = std::make_unique<CommitKeys>(ingest.keys());
  work.derived = ingest.take_derived();
  CHECK((work.derived == nullptr) == is_bytes(work.frame.kind), static_cast<int>(work.frame.kind));
  taken->work.push_back(std::move(work));
}

void RequestCore::take_close(const record::v1::Item& item, const std::shared_ptr<Lane>& lane,
                             Taken* taken) {
  const uint32_t handle = item.session_handle();
  Ingest& ingest = ingest_of(handle);
  const Verdict verdict = ingest.on_close(item.close());
  if (verdict == Verdict::kRefuse) taken->refusals.push_back({handle, ingest.refusal()});
  if (verdict != Verdict::kAccept) return;
  CHECK(ingest.is_closed(), handle);
  Work work = work_of(Work::Kind::kClose, handle, ingest, lane);
  work.head = std::make_unique<SignedHead>(countersign(ingest.head(), item.close()));
  taken->work.push_back(std::move(work));
  sessions_.erase(handle);  // a stream lives much longer than its sessions
}

SignedHead RequestCore::countersign(const SessionHead& head, const record::v1::Close& close) const {
  CHECK(head.size > 0);
  SignedHead signed_head;
  signed_head.head = head;
  signed_head.gateway_key = close.public_key();
  signed_head.gateway_signature = close.signature();
  signed_head.recorder_key = options_.key->public_key().raw;
  signed_head.recorder_signature = options_.key->sign(head.signed_text());
  return signed_head;
}

// After on_finished the committer holds no work of this stream, so that no answer can be right.
void AnswerCore::check_unanswered() const {
  CHECK(state_ == State::kServing || state_ == State::kEnding, static_cast<int>(state_));
}

void AnswerCore::on_bound(uint32_t handle, const Tail& tail) {
  check_unanswered();
  tails_.push_back({handle, tail});
  outbox_.put_bound(handle, tail.last_seq, tail.root);
  // The writer of a session that has a head learns what is durable. It needs nothing else.
  if (tail.has_head)
    outbox_.put_refusal(handle,
                        {record::v1::Refusal::CODE_CLOSED, "the session has a signed head"});
}

void AnswerCore::on_durable(uint32_t handle, uint64_t seq, const Hash& root) {
  check_unanswered();
  CHECK(seq > 0, handle);
  outbox_.put_durable(handle, seq, root);
}

void AnswerCore::on_closed(uint32_t handle, const SignedHead& head) {
  check_unanswered();
  CHECK(head.head.size > 0, handle);
  outbox_.put_closed(handle, head);
}

void AnswerCore::on_refused(uint32_t handle, const Refusal& refusal) {
  check_unanswered();
  outbox_.put_refusal(handle, refusal);
}

// A newer checkpoint does not replace one that waits, because its proof goes on from that one.
bool AnswerCore::on_checkpoint(record::v1::Checkpoint checkpoint) {
  if (state_ != State::kServing || checkpoint_) return false;
  checkpoint_ = std::move(checkpoint);
  CHECK(turn() == Turn::kWrite, static_cast<int>(state_));
  return true;
}

void AnswerCore::on_finished() {
  check_unanswered();
  CHECK((state_ == State::kEnding) == !ended_.ok(), ended_.ToString());
  state_ = state_ == State::kServing ? State::kAnswered : State::kEnded;
}

void AnswerCore::drain() {
  if (draining_ == Draining::kNone) draining_ = Draining::kDue;
}

bool AnswerCore::end(const absl::Status& why) {
  CHECK(!why.ok());
  if (is_cut() || state_ == State::kReturned) return false;
  CHECK(ended_.ok(), ended_.ToString());
  ended_ = why;
  state_ = state_ == State::kServing ? State::kEnding : State::kEnded;
  return true;
}

AnswerCore::Turn AnswerCore::turn() const {
  switch (state_) {
    case State::kServing:
      return outbox_.empty() && draining_ != Draining::kDue && !checkpoint_ ? Turn::kWait
                                                                            : Turn::kWrite;
    case State::kAnswered:
      return outbox_.empty() ? Turn::kReturn : Turn::kWrite;
    case State::kEnding:
      return Turn::kWait;  // the committer still holds work that names this stream
    case State::kEnded:
    case State::kReturned:
      return Turn::kReturn;
  }
  return Turn::kReturn;
}

void AnswerCore::fill(record::v1::RecordResponse* response) {
  CHECK(turn() == Turn::kWrite, static_cast<int>(state_));
  CHECK(response->answers_size() == 0, response->answers_size());
  outbox_.fill(response, kAnsweredSessionsMax);
  CHECK(response->answers_size() > 0 || draining_ == Draining::kDue || checkpoint_,
        static_cast<int>(state_));
  if (checkpoint_) *response->mutable_checkpoint() = *std::exchange(checkpoint_, std::nullopt);
  CHECK(!checkpoint_.has_value(), static_cast<int>(state_));
  if (draining_ != Draining::kDue) return;
  response->set_draining(true);
  draining_ = Draining::kTold;
}

std::vector<HandleTail> AnswerCore::take_tails() {
  CHECK(state_ != State::kReturned, tails_.size());
  return std::exchange(tails_, {});
}

absl::Status AnswerCore::take_status() {
  CHECK(turn() == Turn::kReturn && state_ != State::kReturned, static_cast<int>(state_));
  state_ = State::kReturned;
  if (!ended_.ok()) return ended_;
  return draining_ == Draining::kNone ? absl::OkStatus() : absl::UnavailableError("draining");
}

}  // namespace gatetape::recorder
