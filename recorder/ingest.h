// Ingest: decides what is accepted of one session on one stream (docs/FORMAT.md, record.proto).
// Pure: no thread, clock, log or I/O. The stream's handler thread owns it.
//
//   unbound --fresh bind--> bound --close--> closed
//   unbound --bind--> asked --tail--> told --resume--> bound
//   any --a rule is broken--> refused, and everything after is ignored
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "gatetape/record/v1/record.pb.h"
#include "record/merkle.h"
#include "recorder/work.h"

namespace gatetape::recorder {

class Ingest {
 public:
  enum class Verdict {
    kAccept,
    kIgnore,  // a repeat, or something after a refusal
    kRefuse,  // refusal() says why
  };

  // on_bind names the session. Accepted and not fresh: the store must be asked and on_tail called.
  Verdict on_bind(const record::v1::Bind& bind);
  // on_tail takes what the store holds; refused for a session that is closed, damaged or was begun
  // with another commit key.
  Verdict on_tail(const Tail& tail);
  // on_resume takes the compact range over the frames that are stored.
  Verdict on_resume(const record::v1::Resume& resume);
  // on_frame takes frame last + 1 with its root. A repeat that equals a frame of this stream is
  // ignored; only the newest kRepeatsKept are remembered, an older one is refused.
  Verdict on_frame(const Frame& frame, std::string_view root);
  // on_close takes the writer's signed head over all frames so far.
  Verdict on_close(const record::v1::Close& close);

  static constexpr size_t kRepeatsKept = 256;

  const Refusal& refusal() const { return refusal_; }
  const SessionId& session() const { return session_; }
  const std::string& commit_key() const { return commit_key_; }
  bool is_fresh() const { return state_ == State::kBound; }
  SessionHead head() const { return {session_, range_.size(), root_}; }
  // take_derived gives the rows of the frame that was accepted last; null for stream bytes.
  std::unique_ptr<Derived> take_derived() { return std::move(derived_); }

 private:
  enum class State { kUnbound, kAsked, kTold, kBound, kClosed, kRefused };
  struct Known {
    Hash leaf;
    Hash root;
  };

  Verdict refuse(record::v1::Refusal::Code code, std::string detail);
  Verdict on_repeat(const Frame& frame, std::string_view root);
  // check_* give what is wrong, empty when nothing is.
  std::string check_limits(const Frame& frame) const;
  std::string check_order(const Frame& frame) const;
  std::string derive(const Frame& frame);

  State state_ = State::kUnbound;
  Refusal refusal_;
  SessionId session_;
  std::string commit_key_;
  Tail tail_;  // told, until resumed
  CompactRange range_;
  Hash root_{};
  uint64_t offset_ns_ = 0;
  FrameKind last_kind_{};
  int64_t started_at_ns_ = 0;
  std::deque<Known> known_;  // the newest frames of this stream, up to the last one
  std::unique_ptr<Derived> derived_;
};

}  // namespace gatetape::recorder
