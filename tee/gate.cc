#include "tee/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace gatetape::tee {
namespace {

uint64_t window_bytes_of(const SealedFrame& sealed) {
  return sealed.frame.payload.size() + kFrameOverheadBytes;
}

}  // namespace

Gate::Gate(const SessionId& session, std::string commit_key, uint64_t window_bytes)
    : session_(session), keys_(std::move(commit_key)), window_bytes_(window_bytes) {}

FramePtr Gate::offer(uint32_t channel, FrameKind kind, uint64_t offset_ns, std::string payload) {
  CHECK(payload.size() <= kPayloadBytesMax, payload.size());
  last_offset_ns_ = std::max(last_offset_ns_, offset_ns);
  auto sealed = std::make_shared<SealedFrame>();
  sealed->frame = {tree_.size() + 1, channel, kind, last_offset_ns_, std::move(payload)};
  sealed->leaf = leaf_hash(session_, keys_, sealed->frame);
  tree_.append(sealed->leaf);
  sealed->root = tree_.root();
  pending_bytes_ += window_bytes_of(*sealed);
  frames_.push_back(sealed);
  CHECK(released_seq_ + frames_.size() == tree_.size(), released_seq_, tree_.size());
  return sealed;
}

absl::Status Gate::durable(uint64_t seq, const Hash& root) {
  if (state_ == State::kFailed) return absl::DataLossError("the record of this session failed");
  if (seq <= durable_seq_) return absl::OkStatus();
  if (seq > tree_.size())
    return fail(absl::StrCat("the recorder acknowledged frame ", seq, " of ", tree_.size()));
  if (unreleased(seq)->root != root)
    return fail(absl::StrCat("the recorder holds other content at frame ", seq));
  while (durable_seq_ < seq) {
    const uint64_t bytes = window_bytes_of(*unreleased(++durable_seq_));
    CHECK(bytes <= pending_bytes_, bytes, pending_bytes_);
    pending_bytes_ -= bytes;
  }
  CHECK(!all_durable() || pending_bytes_ == 0, pending_bytes_);
  return absl::OkStatus();
}

absl::Status Gate::fail(std::string why) {
  CHECK(state_ == State::kOpen, why);
  state_ = State::kFailed;
  return absl::DataLossError(why);
}

FramePtr Gate::release() {
  if (state_ == State::kFailed || released_seq_ == durable_seq_) return nullptr;
  FramePtr frame = std::move(frames_.front());
  frames_.pop_front();
  released_seq_++;
  CHECK(frame->frame.seq == released_seq_, frame->frame.seq, released_seq_);
  CHECK(released_seq_ <= durable_seq_, released_seq_, durable_seq_);
  return frame;
}

const FramePtr& Gate::unreleased(uint64_t seq) const {
  CHECK(seq > released_seq_ && seq <= tree_.size(), seq, released_seq_, tree_.size());
  const FramePtr& frame = frames_[seq - released_seq_ - 1];
  CHECK(frame->frame.seq == seq, frame->frame.seq, seq);
  return frame;
}

FramePtr Gate::oldest_pending() const {
  return all_durable() ? nullptr : unreleased(durable_seq_ + 1);
}

}  // namespace gatetape::tee
