#include "gateway/outbox.h"

#include <utility>

#include "base/check.h"

namespace gatetape::gateway {

void Outbox::push(tee::FramePtr frame) {
  bytes_ += frame->frame.payload.size();
  frames_.push_back(std::move(frame));
}

void Outbox::take(size_t bytes) {
  CHECK(bytes <= rest().size(), bytes, rest().size());
  taken_ += bytes;
  bytes_ -= bytes;
  if (rest().empty()) pop();
}

void Outbox::pop() {
  bytes_ -= rest().size();
  frames_.pop_front();
  taken_ = 0;
}

void Outbox::clear() {
  frames_.clear();
  taken_ = 0;
  bytes_ = 0;
}

}  // namespace gatetape::gateway
