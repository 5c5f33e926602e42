// Outbox: the frames that were released for one side of one channel and are not written yet, in
// order: stream bytes, and steps between them. Pure; owned by a channel, session loop.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "tee/gate.h"

namespace gatetape::gateway {

class Outbox {
 public:
  // push appends a released frame. Frames come in order of their sequence numbers.
  void push(tee::FramePtr frame);
  bool empty() const { return frames_.empty(); }
  // front returns the oldest frame; not allowed on an empty outbox.
  const Frame& front() const;
  // rest returns the bytes of the front frame that were not taken yet.
  std::string_view rest() const { return std::string_view(front().payload).substr(taken_); }
  // take drops bytes of the front frame, and the frame when none is left.
  void take(size_t bytes);
  // pop drops the front frame.
  void pop();
  void clear();
  // bytes returns the payload that waits, plus kFrameOverheadBytes per frame.
  size_t bytes() const { return bytes_; }
  // step_bytes returns the part of it that is no stream bytes: no flow-control window bounds that.
  size_t step_bytes() const { return step_bytes_; }
  const std::deque<tee::FramePtr>& frames() const { return frames_; }

 private:
  std::deque<tee::FramePtr> frames_;
  size_t taken_ = 0;  // of the front frame
  size_t bytes_ = 0;
  size_t step_bytes_ = 0;
};

}  // namespace gatetape::gateway
