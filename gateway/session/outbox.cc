#include "gateway/session/outbox.h"

#include <utility>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

constexpr size_t kStepBytes = 256;  // of a frame's own, about

size_t step_bytes_of(const Frame& frame) {
  return is_bytes(frame.kind) ? 0 : frame.payload.size() + kStepBytes;
}

}  // namespace

void Outbox::push(tee::FramePtr frame) {
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
  bytes_ -= rest().size() + kFrameOverheadBytes;
  step_bytes_ -= step_bytes_of(front());
  frames_.pop_front();
  taken_ = 0;
}

void Outbox::clear() {
  frames_.clear();
  taken_ = 0;
  bytes_ = 0;
  step_bytes_ = 0;
}

}  // namespace gatetape::gateway
