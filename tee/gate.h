// Gate: the write-ahead rule of one session. A frame that was offered is numbered and kept; it is
// released only when the recorder has acknowledged that it is durable under the same root. Pure;
// owned by its session and called from that session's loop.
//
//   kOpen --the recorder's answer does not fit what was offered--> kFailed: releases nothing more
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "record/commit_keys.h"
#include "record/frame.h"
#include "record/head.h"
#include "record/merkle.h"
#include "record/session_id.h"

namespace gatetape::tee {

// SealedFrame is a frame with its leaf hash and the root of the session up to it. Immutable.
struct SealedFrame {
  Frame frame;
  Hash leaf{};
  Hash root{};
};
// Shared by the session, which releases it, and the threads of the link, which send it.
using FramePtr = std::shared_ptr<const SealedFrame>;

class Gate {
 public:
  // `commit_key` has kCommitKeyBytes. `window_bytes` limits the frames that were offered and are
  // not durable, kFrameOverheadBytes each included. At the limit has_room() returns false.
  Gate(const SessionId& session, std::string commit_key, uint64_t window_bytes);

  // offer numbers a frame and seals it. The payload has at most kPayloadBytesMax. An `offset_ns`
  // that is smaller than that of the frame before is raised to it.
  FramePtr offer(uint32_t channel, FrameKind kind, uint64_t offset_ns, std::string payload);
  // durable accepts the recorder's answer that the frames up to `seq` are committed under `root`.
  // It returns DATA_LOSS when that does not fit what was offered; the gate has failed then.
  absl::Status durable(uint64_t seq, const Hash& root);
  // release returns the next frame that may be passed on, nullptr when there is none.
  FramePtr release();

  // has_room returns false when reading must stop until more frames are durable.
  bool has_room() const { return pending_bytes_ < window_bytes_; }
  uint64_t pending_bytes() const { return pending_bytes_; }
  bool all_durable() const { return durable_seq_ == tree_.size(); }
  uint64_t offered_seq() const { return tree_.size(); }
  // oldest_pending returns the first frame that is not durable yet, nullptr when there is none.
  FramePtr oldest_pending() const;
  // head covers everything that was offered.
  SessionHead head() const { return {session_, tree_.size(), tree_.root()}; }
  const SessionId& session() const { return session_; }
  const CommitKeys& keys() const { return keys_; }

 private:
  enum class State { kOpen, kFailed };

  absl::Status fail(std::string why);
  // unreleased returns the frame `seq`, which was offered and not released.
  const FramePtr& unreleased(uint64_t seq) const;

  SessionId session_;
  CommitKeys keys_;
  uint64_t window_bytes_;
  CompactRange tree_;
  std::deque<FramePtr> frames_;  // offered and not released
  uint64_t released_seq_ = 0;
  uint64_t durable_seq_ = 0;
  uint64_t pending_bytes_ = 0;
  uint64_t last_offset_ns_ = 0;
  State state_ = State::kOpen;
};

}  // namespace gatetape::tee
