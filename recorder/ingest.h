// Ingest: decides which items of one session on one stream are accepted (docs/FORMAT.md,
// record.proto). Pure: no thread, clock, log or I/O. The stream's handler thread owns it.
//
//   kUnbound --a fresh bind--> kBound --close--> kClosed
//   kUnbound --another bind--> kAsked --the tail of the store--> kTold --resume--> kBound
//   any --a rule is broken--> kRefused; everything after that is ignored
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gatetape/record/v1/record.pb.h"
#include "record/merkle.h"
#include "recorder/work.h"
#include "recorder/writer.h"

namespace gatetape::recorder {

class Ingest {
 public:
  explicit Ingest(Writer writer = Writer::kAnySession) : writer_(writer) {}

  enum class Verdict {
    kAccept,
    kIgnore,  // a repeated frame, or anything after a refusal
    kRefuse,  // refusal() is the reason; it is returned once for a session
  };

  // on_bind accepts the name of the session. After a bind that is not fresh the store must be asked
  // for the tail, which goes to on_tail.
  Verdict on_bind(const record::v1::Bind& bind);
  // on_tail accepts what the store holds. It refuses a session that is closed, that is damaged, or
  // that was begun with another commit key.
  Verdict on_tail(const Tail& tail);
  // on_resume accepts the compact range over the frames that are stored.
  Verdict on_resume(const record::v1::Resume& resume);
  // on_frame accepts the next frame with its root. A repeat that equals a frame of this stream is
  // ignored; a repeat that is older than the newest kRepeatsKept frames is refused.
  Verdict on_frame(const Frame& frame, std::string_view root);
  // on_close accepts the writer's signed head over all frames so far.
  Verdict on_close(const record::v1::Close& close);

  // Frames whose hashes are kept, so that a repeat can be compared: 16 KiB per session. A writer
  // repeats a frame only when it resumes, and has at most 256 frames without an answer.
  static constexpr size_t kRepeatsKept = 256;

  const Refusal& refusal() const { return refusal_; }
  const SessionId& session() const { return session_; }
  // keys returns the keys of the session. Call it only after a bind that was accepted.
  const CommitKeys& keys() const { return *keys_; }
  // is_fresh returns true after a bind that needs no tail.
  bool is_fresh() const { return state_ == State::kBound; }
  // is_rebound returns true when the bind was not fresh, so that rows may be stored already.
  bool is_rebound() const { return rebound_; }
  bool is_waiting_for_tail() const { return state_ == State::kAsked; }
  bool is_closed() const { return state_ == State::kClosed; }
  SessionHead head() const { return {session_, range_.size(), root_}; }
  // take_derived returns the rows of the frame that was accepted last; null for stream bytes.
  std::unique_ptr<Derived> take_derived() { return std::move(derived_); }

 private:
  enum class State { kUnbound, kAsked, kTold, kBound, kClosed, kRefused };
  struct Known {
    Hash leaf;
    Hash root;
  };

  Verdict refuse(record::v1::Refusal::Code code, std::string detail);
  Verdict on_repeat(const Frame& frame, std::string_view root);
  // check_* and derive return what is wrong, an empty text when nothing is.
  std::string check_limits(const Frame& frame) const;
  std::string check_order(const Frame& frame) const;
  std::string derive(const Frame& frame);

  Writer writer_;
  State state_ = State::kUnbound;
  bool rebound_ = false;
  Refusal refusal_;
  SessionId session_;
  std::optional<CommitKeys> keys_;  // since the bind
  Tail tail_;                       // kTold: what the store holds
  CompactRange range_;
  Hash root_{};
  uint64_t offset_ns_ = 0;
  FrameKind last_kind_{};
  int64_t last_channel_ = -1;  // of the channel_open frames of this stream; -1 = none
  int64_t started_at_ns_ = 0;
  std::deque<Known> known_;  // the newest frames of this stream, the last one included
  std::unique_ptr<Derived> derived_;
};

}  // namespace gatetape::recorder
