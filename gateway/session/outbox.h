// Outbox: what was released for one side of one channel and waits to be written on, in order:
// stream bytes and steps between them. Pure; owned by a channel, session loop.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "tee/gate.h"

namespace gatetape::gateway {

class Outbox {
 public:
  // push appends a released frame.
  void push(tee::FramePtr frame);
  bool empty() const { return frames_.empty(); }
  // front gives the oldest frame; never on an empty outbox.
  const Frame& front() const { return frames_.front()->frame; }
  // rest gives the bytes of the front frame that were not taken yet.
  std::string_view rest() const { return std::string_view(front().payload).substr(taken_); }
  // take drops bytes of the front frame, and the frame when none is left.
  void take(size_t bytes);
  // pop drops the front frame.
  void pop();
  void clear();
  // bytes gives the payload that waits, and what its frames take themselves.
  size_t bytes() const { return bytes_; }
  // step_bytes gives what the frames take that are no stream bytes: no window bounds those.
  size_t step_bytes() const { return step_bytes_; }

 private:
  std::deque<tee::FramePtr> frames_;
  size_t taken_ = 0;  // of the front frame
  size_t bytes_ = 0;
  size_t step_bytes_ = 0;
};

}  // namespace gatetape::gateway
