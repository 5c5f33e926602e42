#include "bundle/frames_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bundle/frame_stream.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

// leaf_with_key returns the leaf of a frame, and reads its key when its payload is present.
absl::StatusOr<Hash> leaf_with_key(const Manifest& manifest, const Frame& frame,
                                   MemberReader& keys) {
  if (frame.absent)
    return leaf_of(manifest.session, manifest.version, frame, frame.absent->commitment);
  const auto key = keys.peek(kCommitKeyBytes);
  if (!key.ok()) return key.status();
  if (key->size() < kCommitKeyBytes)
    return absl::InvalidArgumentError(absl::StrCat("frame_keys has no key of frame ", frame.seq));
  const Hash commitment = hmac_sha256_once(*key, frame.payload);
  keys.skip(kCommitKeyBytes);
  return leaf_of(manifest.session, manifest.version, frame, commitment);
}

// OrderCheck finds the first frame that no writer makes at this place.
class OrderCheck {
 public:
  void add(const Frame& frame) {
    const std::string name = absl::StrCat("frame ", frame.seq);
    if (opens_session(frame.kind) != (frame.seq == 1))
      found(name + (frame.seq == 1 ? " does not open a session" : " opens the session again"));
    if (ended_) found(name + " follows the end of the session");
    if (frame.offset_ns < last_offset_ns_) found(name + " is earlier than the frame before it");
    ended_ = ended_ || ends_session(frame.kind);
    last_offset_ns_ = frame.offset_ns;
  }
  const std::string& problem() const { return problem_; }

 private:
  void found(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }

  std::string problem_;
  bool ended_ = false;
  uint64_t last_offset_ns_ = 0;
};

}  // namespace

absl::StatusOr<FramesFacts> read_frames(const Manifest& manifest, MemberReader& frames,
                                        MemberReader& keys, const std::vector<uint64_t>& sizes) {
  FrameStream stream(frames);
  OrderCheck order;
  CompactRange tree;
  FramesFacts facts;
  LeftOutCounts left_out;
  while (!stream.at_end()) {
    const auto frame = stream.next();
    if (!frame.ok()) return frame.status();
    const auto leaf = leaf_with_key(manifest, *frame, keys);
    if (!leaf.ok()) return leaf.status();
    tree.append(*leaf);
    order.add(*frame);
    left_out.add(*frame);
    if (frame->seq == 1) facts.first_kind = frame->kind;
    facts.last_kind = frame->kind;
    if (std::count(sizes.begin(), sizes.end(), frame->seq) > 0)
      facts.roots[frame->seq] = tree.root();
  }
  facts.count = tree.size();
  if (facts.count != manifest.frames || !keys.at_end())
    return absl::InvalidArgumentError("frames and frame_keys are not as many as the manifest says");
  facts.left_out = left_out.all();
  facts.order_problem = order.problem();
  return facts;
}

}  // namespace gatetape
