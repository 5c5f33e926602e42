#include "tests/sim/call.h"

#include <iterator>
#include <utility>

namespace gatetape::sim {

using record::v1::RecordRequest;
using recorder::AnswerCore;
using recorder::RequestCore;
using recorder::Work;

namespace {

// The number that LastFrames uses for the head of a session, which follows every frame.
constexpr uint64_t kHead = UINT64_MAX;

// part_of moves the items [first, last) out of a request.
RecordRequest part_of(RecordRequest* request, int first, int last) {
  RecordRequest part;
  for (int i = first; i < last; i++) part.add_items()->Swap(request->mutable_items(i));
  return part;
}

}  // namespace

// The item that was repeated or changed is passed to the core alone, so that its effect is visible.
void RecordCall::on_message(Message message) {
  if (state_ == State::kDead) return;
  std::vector<Work> work;
  std::set<uint32_t> refused;
  RecordRequest* const request = &message.request;
  if (message.odd == Message::Odd::kNone) {
    take(std::move(*request), &work, &refused);
  } else {
    const int odd = message.odd_item;
    const int size = request->items_size();
    take(part_of(request, 0, odd), &work, &refused);
    take_odd(message, part_of(request, odd, odd + 1), &work);
    take(part_of(request, odd + 1, size), &work, &refused);
  }
  if (!work.empty()) owner_->submit(std::move(work));
  wake_writer();
}

void RecordCall::expect(const Work& work) {
  if (work.kind == Work::Kind::kClose) closed_.insert(work.handle);
  if (dropped_.contains(work.handle)) return;
  uncommitted_[work.handle] = work.kind == Work::Kind::kClose ? kHead : work.frame.seq;
  if (work.kind == Work::Kind::kFrame) unwritten_[work.handle] = work.frame.seq;
}

void RecordCall::take(RecordRequest request, std::vector<Work>* work, std::set<uint32_t>* refused) {
  RequestCore::Taken taken =
      requests_.take(std::move(request), answers_.take_tails(), shared_from_this());
  if (!taken.status.ok())
    world_->violate("I7", "a request is over the limits of the protocol: " +
                              std::string(taken.status.message()));
  for (const recorder::HandleRefusal& one : taken.refusals) {
    refused->insert(one.handle);
    refused_.insert(one.handle);
    answers_.on_refused(one.handle, one.refusal);
  }
  for (const Work& one : taken.work) expect(one);
  std::move(taken.work.begin(), taken.work.end(), std::back_inserter(*work));
}

// The handle of a session is equal to its number.
void RecordCall::take_odd(const Message& message, RecordRequest odd, std::vector<Work>* work) {
  const uint32_t handle = odd.items(0).session_handle();
  const bool counts = !closed_.contains(handle) && !refused_.contains(handle);
  const size_t before = work->size();
  std::set<uint32_t> refused;
  take(std::move(odd), work, &refused);
  if (!counts) return;
  const bool was_refused = refused.contains(handle);
  if (message.odd == Message::Odd::kForgery) oracle_->on_forgery(handle, was_refused);
  if (message.odd == Message::Odd::kRepeat)
    oracle_->on_repeat(handle, !was_refused && work->size() == before);
}

void RecordCall::on_half_close() {
  if (state_ == State::kOpen) finish();
}

void RecordCall::finish() {
  state_ = State::kHalfClosed;
  std::vector<Work> work;
  work.push_back(requests_.finish(shared_from_this()));
  owner_->submit(std::move(work));
}

void RecordCall::drain() {
  answers_.drain();
  wake_writer();
}

void RecordCall::die() {
  state_ = State::kDead;
  wire_->die();
}

void RecordCall::on_bound(uint32_t handle, const recorder::Tail& tail) {
  answered(handle, 0, &uncommitted_);
  answers_.on_bound(handle, tail);
  wake_writer();
}

void RecordCall::on_durable(uint32_t handle, uint64_t seq, const Hash& root) {
  answered(handle, seq, &uncommitted_);
  answers_.on_durable(handle, seq, root);
  wake_writer();
}

void RecordCall::on_closed(uint32_t handle, const recorder::SignedHead& head) {
  answered(handle, kHead, &uncommitted_);
  answers_.on_closed(handle, head);
  wake_writer();
}

void RecordCall::on_refused(uint32_t handle, const recorder::Refusal& refusal) {
  dropped_.insert(handle);
  uncommitted_.erase(handle);
  answers_.on_refused(handle, refusal);
  wake_writer();
}

void RecordCall::on_failed(const absl::Status& why) {
  failed_ = true;
  end(absl::UnavailableError(why.message()));
}

// Before a stream ends, all submitted work must be answered: a frame is durable, or its session is
// refused.
void RecordCall::on_finished() {
  if (!failed_) check_empty(uncommitted_, "the end of its stream comes before the answer to");
  answers_.on_finished();
  wake_writer();
}

// The end of the call reaches the peer as a broken stream does, and the peer half-closes it.
void RecordCall::end(const absl::Status& why) {
  if (state_ != State::kDead && answers_.end(why)) wire_->end();
}

void RecordCall::wake_writer() {
  if (state_ == State::kDead || writing_ || answers_.turn() == AnswerCore::Turn::kWait) return;
  writing_ = true;
  world_->after(world_->rng.between(5 * kUs, 100 * kUs),
                [self = shared_from_this()] { self->write_answers(); });
}

void RecordCall::write_answers() {
  writing_ = false;
  if (state_ == State::kDead) return;
  if (answers_.turn() == AnswerCore::Turn::kWrite) {
    if (failed_) world_->violate("I6", "a stream goes on after a failed commit");
    record::v1::RecordResponse response;
    answers_.fill(&response);
    for (const record::v1::Answer& one : response.answers()) {
      if (one.has_durable()) answered(one.session_handle(), one.durable().seq(), &unwritten_);
      if (one.has_refusal()) unwritten_.erase(one.session_handle());
    }
    wire_->answer(std::move(response));
  }
  if (answers_.turn() != AnswerCore::Turn::kReturn) return wake_writer();
  const bool was_cut = failed_;
  const absl::Status status = answers_.take_status();
  if (!was_cut) check_empty(unwritten_, "its call returns in order without an answer to");
  if (!was_cut) wire_->end();
  state_ = State::kDead;
  owner_->on_gone(this);
}

void RecordCall::answered(uint32_t handle, uint64_t seq, LastFrames* frames) {
  const auto found = frames->find(handle);
  if (found != frames->end() && found->second <= seq) frames->erase(found);
}

void RecordCall::check_empty(const LastFrames& frames, const std::string& what) {
  if (frames.empty()) return;
  const auto& [handle, seq] = *frames.begin();
  world_->violate(
      "I9", "session " + std::to_string(handle) + ": " + what + " frame " + std::to_string(seq));
}

}  // namespace gatetape::sim
