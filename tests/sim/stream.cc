#include "tests/sim/stream.h"

#include <algorithm>

namespace gatetape::sim {
namespace {

using recorder::Ingest;
using recorder::Work;

constexpr int kItemsMax = 512;
constexpr size_t kPayloadBytesMax = 768 << 10;

Frame frame_of(record::v1::Item* item) {
  Frame frame;
  frame.seq = item->seq();
  frame.channel = item->channel();
  frame.kind = static_cast<FrameKind>(item->kind());
  frame.offset_ns = item->offset_ns();
  frame.payload = std::move(*item->mutable_payload());
  return frame;
}

Hash hash_of(const std::string& bytes) {
  Hash hash{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

}  // namespace

void Stream::on_message(Message message) {
  if (dead_) return;
  size_t payload_bytes = 0;
  for (const record::v1::Item& item : message.request.items())
    payload_bytes += item.payload().size();
  if (message.request.items_size() > kItemsMax || payload_bytes > kPayloadBytesMax)
    world_->violate("I7", "a request is over the limits of the protocol");
  take_tails();
  std::vector<Work> work;
  for (int i = 0; i < message.request.items_size(); i++) {
    record::v1::Item* item = message.request.mutable_items(i);
    const uint32_t handle = item->session_handle();
    const bool odd = i == message.odd_item && !closed_.contains(handle);
    const bool was_refused = refused_.contains(handle);
    const Verdict verdict = take_item(item, &work);
    if (odd && !was_refused) check_odd(message.odd, handle, sessions_[handle].session(), verdict);
  }
  if (!work.empty()) owner_->submit(std::move(work));
}

void Stream::check_odd(Message::Odd odd, uint32_t handle, const SessionId& id, Verdict verdict) {
  if (closed_.contains(handle)) return;
  const uint64_t session = oracle_->number_of(id);
  if (odd == Message::Odd::kForgery) oracle_->on_forgery(session, verdict == Verdict::kRefuse);
  if (odd == Message::Odd::kRepeat) oracle_->on_repeat(session, verdict == Verdict::kIgnore);
}

void Stream::on_half_close() {
  if (dead_ || std::exchange(half_closed_, true)) return;
  Work finish;
  finish.kind = Work::Kind::kFinish;
  finish.lane = shared_from_this();
  std::vector<Work> work;
  work.push_back(std::move(finish));
  owner_->submit(std::move(work));
}

void Stream::drain() {
  draining_ = true;
  wake_writer();
}

void Stream::die() {
  dead_ = true;
  wire_->die();
}

void Stream::take_tails() {
  for (const auto& [handle, tail] : std::exchange(tails_, {})) {
    const auto session = sessions_.find(handle);
    if (session == sessions_.end()) continue;
    if (session->second.on_tail(tail) == Verdict::kRefuse && !tail.has_head)
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

Stream::Verdict Stream::take_item(record::v1::Item* item, std::vector<Work>* work) {
  const uint32_t handle = item->session_handle();
  Ingest& ingest = sessions_[handle];
  if (item->seq() == 0 && item->has_close())
    return take_close(handle, item->close(), &ingest, work);
  Verdict verdict = Verdict::kIgnore;
  if (item->seq() == 0 && item->has_bind()) {
    verdict = ingest.on_bind(item->bind());
    if (verdict == Verdict::kAccept && !ingest.is_fresh())
      work->push_back(work_of(Work::Kind::kBind, handle, ingest));
  } else if (item->seq() == 0 && item->has_resume()) {
    verdict = ingest.on_resume(item->resume());
  } else {
    verdict = take_frame(item, &ingest, work);
  }
  if (verdict == Verdict::kRefuse) {
    refused_.insert(handle);
    on_refused(handle, ingest.refusal());
  }
  return verdict;
}

Stream::Verdict Stream::take_frame(record::v1::Item* item, Ingest* ingest,
                                   std::vector<Work>* work) {
  Work one = work_of(Work::Kind::kFrame, item->session_handle(), *ingest);
  one.frame = frame_of(item);
  const Verdict verdict = ingest->on_frame(one.frame, item->root());
  if (verdict != Verdict::kAccept) return verdict;
  one.root = hash_of(item->root());
  if (one.frame.seq == 1) one.commit_key = ingest->commit_key();
  one.derived = ingest->take_derived();
  work->push_back(std::move(one));
  return verdict;
}

Stream::Verdict Stream::take_close(uint32_t handle, const record::v1::Close& close, Ingest* ingest,
                                   std::vector<Work>* work) {
  const Verdict verdict = ingest->on_close(close);
  if (verdict == Verdict::kRefuse) on_refused(handle, ingest->refusal());
  if (verdict != Verdict::kAccept) return verdict;
  Work one = work_of(Work::Kind::kClose, handle, *ingest);
  one.head = std::make_unique<recorder::SignedHead>();
  one.head->head = ingest->head();
  one.head->gateway_key = close.public_key();
  one.head->gateway_signature = close.signature();
  one.head->recorder_key = key_->public_key().raw;
  one.head->recorder_signature = key_->sign(one.head->head.signed_text());
  work->push_back(std::move(one));
  sessions_.erase(handle);
  closed_.insert(handle);
  return verdict;
}

void Stream::on_bound(uint32_t handle, const recorder::Tail& tail) {
  tails_.emplace_back(handle, tail);
  outbox_.put_bound(handle, tail.last_seq, tail.root);
  if (tail.has_head)
    outbox_.put_refusal(handle,
                        {record::v1::Refusal::CODE_CLOSED, "the session has a signed head"});
  wake_writer();
}

void Stream::on_durable(uint32_t handle, uint64_t seq, const Hash& root) {
  outbox_.put_durable(handle, seq, root);
  wake_writer();
}

void Stream::on_closed(uint32_t handle, const recorder::SignedHead& head) {
  outbox_.put_closed(handle, head);
  wake_writer();
}

void Stream::on_refused(uint32_t handle, const recorder::Refusal& refusal) {
  outbox_.put_refusal(handle, refusal);
  wake_writer();
}

void Stream::on_failed(const absl::Status&) {
  if (dead_ || std::exchange(ended_, true)) return;
  wire_->end();
}

void Stream::on_finished() {
  finished_ = true;
  wake_writer();
}

void Stream::wake_writer() {
  if (dead_ || std::exchange(writing_, true)) return;
  world_->after(world_->rng.between(5 * kUs, 100 * kUs),
                [self = shared_from_this()] { self->write_answers(); });
}

void Stream::write_answers() {
  writing_ = false;
  if (dead_) return;
  if (!ended_ && (!outbox_.empty() || (draining_ && !told_draining_))) {
    record::v1::RecordResponse response;
    outbox_.fill(&response, 1024);
    response.set_draining(draining_ && !told_draining_);
    told_draining_ = draining_;
    wire_->answer(std::move(response));
  }
  if (!finished_) return;
  if (!std::exchange(ended_, true)) wire_->end();
  dead_ = true;
  owner_->on_gone(this);
}

}  // namespace gatetape::sim
