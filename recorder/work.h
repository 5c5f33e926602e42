// Work: what a stream asks of the committer, and Lane: where the answers go. The handler thread of
// a stream makes work; the committer thread completes the work of one stream in order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "gatetape/record/v1/record.pb.h"
#include "record/batch.h"
#include "record/commit_keys.h"
#include "record/derived.h"
#include "record/frame.h"
#include "record/head.h"

namespace gatetape::recorder {

struct Refusal {
  record::v1::Refusal::Code code = record::v1::Refusal::CODE_UNSPECIFIED;
  std::string detail;
};

// Tail is the end of a session as the store holds it.
struct Tail {
  uint64_t last_seq = 0;       // 0 = nothing
  Hash root{};                 // of last_seq
  uint64_t offset_ns = 0;      // of the last frame
  FrameKind kind{};            // of the last frame
  std::string commit_key;      // empty when nothing is stored
  int16_t format_version = 0;  // 0 when nothing is stored
  int64_t started_at_ns = 0;
  bool has_head = false;
  absl::Status damage;  // DATA_LOSS when the newest row cannot be read
};

// SignedHead is the final head of a session with both signatures.
struct SignedHead {
  SessionHead head;
  std::string gateway_key;
  std::string gateway_signature;
  std::string recorder_key;
  std::string recorder_signature;
};

// Derived holds the rows that are computed from one frame.
struct Derived {
  std::optional<SessionRow> session;
  std::optional<SessionEndRow> session_end;
  std::optional<ChannelRow> channel;
  EventRow event;
};

// SessionWrite is what one commit stores of one session.
struct SessionWrite {
  SessionId session;
  bool rebound = false;    // the bind was not fresh: derived rows may be there already
  uint64_t first_seq = 0;  // 0 = no frames, only a head
  uint64_t last_seq = 0;
  Hash root{};
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t last_offset_ns = 0;
  FrameKind last_kind{};
  EncodedBatch batch;
  std::unique_ptr<CommitKeys> keys;  // stored with frame 1
  std::vector<Derived> derived;
  std::unique_ptr<SignedHead> head;
};

// Lane accepts the answers to the work of one stream. The committer thread calls it; it must not
// block.
class Lane {
 public:
  virtual ~Lane() = default;
  // on_bound: the answer to kBind, the end of the session as the store holds it.
  virtual void on_bound(uint32_t handle, const Tail& tail) = 0;
  // on_durable: frames up to `seq` are committed.
  virtual void on_durable(uint32_t handle, uint64_t seq, const Hash& root) = 0;
  // on_closed: the signed head is committed, and all frames under it.
  virtual void on_closed(uint32_t handle, const SignedHead& head) = 0;
  // on_refused: another writer or the data itself is at fault; nothing more of the session is
  // stored on this stream.
  virtual void on_refused(uint32_t handle, const Refusal& refusal) = 0;
  // on_failed: a commit failed or is in doubt; nothing more of this stream is stored.
  virtual void on_failed(const absl::Status& why) = 0;
  // on_finished: the answer to kFinish, the last work of the stream; everything before it is
  // answered.
  virtual void on_finished() = 0;

 private:
  friend class CommitPolicy;  // the committer thread
  bool failed_ = false;
  std::unordered_set<uint32_t> refused_;  // sessions of which nothing more is stored
};

struct Work {
  enum class Kind { kFrame, kClose, kBind, kFinish };

  Kind kind = Kind::kFrame;
  std::shared_ptr<Lane> lane;  // shared by the stream's handler thread and the committer's queue
  uint32_t handle = 0;
  SessionId session;
  bool rebound = false;              // the bind of the session was not fresh
  Frame frame;                       // kFrame
  Hash root{};                       // kFrame: with this frame as last leaf
  std::unique_ptr<CommitKeys> keys;  // kFrame with seq 1
  std::unique_ptr<Derived> derived;  // kFrame that holds an event
  std::unique_ptr<SignedHead> head;  // kClose

  // bytes returns what the work counts in the queue: its memory, three times the payload for a
  // frame with rows, which hold the same text again.
  size_t bytes() const {
    return kind == Kind::kFinish ? 0
                                 : frame.payload.size() * (derived ? 3 : 1) + kFrameOverheadBytes;
  }
  // cost returns what the work counts in a transaction: the number of stream bytes that PostgreSQL
  // stores in the same time. The rows of a frame take far longer than its bytes.
  size_t cost() const { return derived ? 8192 + frame.payload.size() * 8 : bytes(); }
};

}  // namespace gatetape::recorder
