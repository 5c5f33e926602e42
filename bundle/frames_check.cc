#include "bundle/frames_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "record/batch.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

constexpr size_t kFrameBytesMax = kFrameHeadBytes + kPayloadBytesMax;

// FramesReader reads frame after frame with its key.
class FramesReader {
 public:
  FramesReader(const Manifest& manifest, MemberReader& frames, MemberReader& keys)
      : manifest_(manifest), frames_(frames), keys_(keys) {}

  bool at_end() const { return frames_.at_end(); }
  absl::StatusOr<Frame> next() {
    const auto bytes = frames_.peek(kFrameBytesMax);
    if (!bytes.ok()) return bytes.status();
    ByteReader reader(*bytes);
    Frame frame;
    frame.seq = ++seq_;
    if (!get_frame(&reader, &frame))
      return absl::InvalidArgumentError(absl::StrCat("frame ", seq_, " is malformed"));
    frames_.skip(bytes->size() - reader.rest().size());
    return frame;
  }
  // leaf reads the key of the frame that next returned, and returns the leaf.
  absl::StatusOr<Hash> leaf(const Frame& frame) {
    if (frame.absent)
      return leaf_of(manifest_.session, manifest_.version, frame, frame.absent->commitment);
    const auto key = keys_.peek(kCommitKeyBytes);
    if (!key.ok()) return key.status();
    if (key->size() < kCommitKeyBytes)
      return absl::InvalidArgumentError(absl::StrCat("frame_keys has no key of frame ", seq_));
    const Hash commitment = hmac_sha256_once(*key, frame.payload);
    keys_.skip(kCommitKeyBytes);
    return leaf_of(manifest_.session, manifest_.version, frame, commitment);
  }

 private:
  const Manifest& manifest_;
  MemberReader& frames_;
  MemberReader& keys_;
  uint64_t seq_ = 0;
};

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

void count_absent(const Frame& frame, std::map<uint16_t, LeftOut>* left_out) {
  const auto kind = static_cast<uint16_t>(frame.kind);
  LeftOut& counted = (*left_out)[kind];
  counted.kind = kind;
  counted.frames++;
  counted.bytes += frame.absent->bytes;
}

}  // namespace

absl::StatusOr<FramesFacts> read_frames(const Manifest& manifest, MemberReader& frames,
                                        MemberReader& keys, const std::vector<uint64_t>& sizes) {
  FramesReader reader(manifest, frames, keys);
  OrderCheck order;
  CompactRange tree;
  FramesFacts facts;
  std::map<uint16_t, LeftOut> left_out;
  while (!reader.at_end()) {
    const auto frame = reader.next();
    if (!frame.ok()) return frame.status();
    const auto leaf = reader.leaf(*frame);
    if (!leaf.ok()) return leaf.status();
    tree.append(*leaf);
    order.add(*frame);
    if (frame->absent) count_absent(*frame, &left_out);
    if (frame->seq == 1) facts.first_kind = frame->kind;
    facts.last_kind = frame->kind;
    if (std::count(sizes.begin(), sizes.end(), frame->seq) > 0)
      facts.roots[frame->seq] = tree.root();
  }
  facts.count = tree.size();
  if (facts.count != manifest.frames || !keys.at_end())
    return absl::InvalidArgumentError("frames and frame_keys are not as many as the manifest says");
  for (const auto& [kind, counted] : left_out) facts.left_out.push_back(counted);
  facts.order_problem = order.problem();
  return facts;
}

}  // namespace gatetape
