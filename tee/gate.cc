#include "tee/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace gatetape::tee {

Gate::Gate(const SessionId& session, std::string commit_key, uint64_t window_bytes)
    : session_(session), commit_key_(std::move(commit_key)), window_bytes_(window_bytes) {
  CHECK(commit_key_.size() == kCommitKeyBytes, commit_key_.size());
}

FramePtr Gate::offer(uint32_t channel, FrameKind kind, uint64_t offset_ns, std::string payload) {
  CHECK(payload.size() <= kPayloadBytesMax, payload.size());
  last_offset_ns_ = std::max(last_offset_ns_, offset_ns);
  auto sealed = std::make_shared<SealedFrame>();
  sealed->frame = {tree_.size() + 1, channel, kind, last_offset_ns_, std::move(payload)};
  sealed->leaf = leaf_hash(session_, commit_key_, sealed->frame);
  tree_.append(sealed->leaf);
  sealed->root = tree_.root();
  pending_bytes_ += sealed->frame.payload.size() + kFrameOverheadBytes;
  frames_.push_back(sealed);
  return sealed;
}

absl::Status Gate::durable(uint64_t seq, const Hash& root) {
  if (failed_) return absl::DataLossError("this session's record failed");
  if (seq <= durable_seq_) return absl::OkStatus();
  if (seq > tree_.size()) {
    failed_ = true;
    return absl::DataLossError(
        absl::StrCat("the recorder acknowledged frame ", seq, " of ", tree_.size()));
  }
  const FramePtr& last = frames_[seq - released_seq_ - 1];
  CHECK(last->frame.seq == seq, last->frame.seq, seq);
  if (last->root != root) {
    failed_ = true;
    return absl::DataLossError(absl::StrCat("the recorder holds other content at frame ", seq));
  }
  for (uint64_t n = durable_seq_ + 1; n <= seq; n++)
    pending_bytes_ -= frames_[n - released_seq_ - 1]->frame.payload.size() + kFrameOverheadBytes;
  durable_seq_ = seq;
  return absl::OkStatus();
}

FramePtr Gate::release() {
  if (failed_ || released_seq_ == durable_seq_) return nullptr;
  FramePtr frame = std::move(frames_.front());
  frames_.pop_front();
  released_seq_++;
  CHECK(frame->frame.seq == released_seq_, frame->frame.seq, released_seq_);
  CHECK(released_seq_ <= durable_seq_, released_seq_, durable_seq_);
  return frame;
}

FramePtr Gate::oldest_pending() const {
  return all_durable() ? nullptr : frames_[durable_seq_ - released_seq_];
}

}  // namespace gatetape::tee
