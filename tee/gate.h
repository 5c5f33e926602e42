// Gate: the write-ahead rule of one session. What was offered is numbered and kept; it is released
// only when the recorder says that it is durable and names the same root. Pure; owned by its
// session, called from that session's loop.
//
// States: open -> failed. A gate fails for good when the recorder's answer does not fit what was
// offered; a failed gate releases nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "record/frame.h"
#include "record/head.h"
#include "record/merkle.h"
#include "record/session_id.h"

namespace gatetape::tee {

// SealedFrame is a frame with its leaf and the root of the session up to it. Immutable.
struct SealedFrame {
  Frame frame;
  Hash leaf{};
  Hash root{};
};
// Shared by the session (which releases it) and the link's threads (which send it).
using FramePtr = std::shared_ptr<const SealedFrame>;

class Gate {
 public:
  // `commit_key` has kCommitKeyBytes; `window_bytes` bounds what was offered and is not durable.
  Gate(const SessionId& session, std::string commit_key, uint64_t window_bytes);

  // offer numbers a frame and seals it. Payloads over kPayloadBytesMax are our own bug. `offset_ns`
  // is raised to the frame before's when it is smaller.
  FramePtr offer(uint32_t channel, FrameKind kind, uint64_t offset_ns, std::string payload);
  // durable takes the recorder's word that frames up to `seq` are committed under `root`. DATA_LOSS
  // when that does not fit what was offered: nothing is released any more.
  absl::Status durable(uint64_t seq, const Hash& root);
  // release gives the next frame that may be passed on, nullptr when there is none.
  FramePtr release();

  // has_room is false when reading must stop until more is durable.
  bool has_room() const { return pending_bytes_ < window_bytes_; }
  uint64_t pending_bytes() const { return pending_bytes_; }
  bool all_durable() const { return durable_seq_ == tree_.size(); }
  uint64_t offered_seq() const { return tree_.size(); }
  // oldest_pending gives the first frame that is not durable yet, nullptr when there is none.
  FramePtr oldest_pending() const;
  // head covers everything offered.
  SessionHead head() const { return {session_, tree_.size(), tree_.root()}; }
  const SessionId& session() const { return session_; }
  const std::string& commit_key() const { return commit_key_; }

 private:
  SessionId session_;
  std::string commit_key_;
  uint64_t window_bytes_;
  CompactRange tree_;
  std::deque<FramePtr> frames_;  // offered and not released
  uint64_t released_seq_ = 0;
  uint64_t durable_seq_ = 0;
  uint64_t pending_bytes_ = 0;
  uint64_t last_offset_ns_ = 0;
  bool failed_ = false;
};

}  // namespace gatetape::tee
