#include "gateway/session/outbox.h"

#include <utility>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

size_t step_bytes_of(const Frame& frame) {
  return is_bytes(frame.kind) ? 0 : frame.payload.size() + kFrameOverheadBytes;
}

}  // namespace

const Frame& Outbox::front() const {
  CHECK(!frames_.empty(), bytes_);
  return frames_.front()->frame;
}

void Outbox::push(tee::FramePtr frame) {
  CHECK(frames_.empty() || frames_.back()->frame.seq < frame->frame.seq, frame->frame.seq);
  bytes_ += frame->frame.payload.size() + kFrameOverheadBytes;
  step_bytes_ += step_bytes_of(frame->frame);
  frames_.push_back(std::move(frame));
}

void Outbox::take(size_t bytes) {
  CHECK(bytes <= rest().size(), bytes, rest().size());
  taken_ += bytes;
  bytes_ -= bytes;
  if (rest().empty()) pop();
}

void Outbox::pop() {
  const size_t frame_bytes = rest().size() + kFrameOverheadBytes;
  CHECK(bytes_ >= frame_bytes, bytes_, frame_bytes);
  bytes_ -= frame_bytes;
  step_bytes_ -= step_bytes_of(front());
  frames_.pop_front();
  taken_ = 0;
  CHECK(step_bytes_ <= bytes_, step_bytes_, bytes_);
}

void Outbox::clear() {
  frames_.clear();
  taken_ = 0;
  bytes_ = 0;
  step_bytes_ = 0;
}

}  // namespace gatetape::gateway
