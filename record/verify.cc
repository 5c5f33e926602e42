#include "record/verify.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "record/batch.h"
#include "record/head.h"

namespace gatetape {
namespace {

std::string frames_text(uint64_t first, uint64_t last) {
  return first == last ? absl::StrCat("frame ", first) : absl::StrCat("frames ", first, "-", last);
}

bool contains(const std::vector<PublicKey>& keys, std::string_view raw) {
  auto same = [raw](const PublicKey& key) { return key.raw == raw; };
  return std::any_of(keys.begin(), keys.end(), same);
}

// signature_problem returns what is wrong with a signature. It returns an empty text when `raw_key`
// is trusted and its signature over `text` verifies.
std::string signature_problem(const std::string& who, const std::string& raw_key,
                              const std::string& signature, const std::string& text,
                              const std::vector<PublicKey>& trusted) {
  const PublicKey key{raw_key};
  if (!key.verify(text, signature))
    return absl::StrCat("the ", who, "'s signature on the head does not verify");
  if (!contains(trusted, raw_key))
    return absl::StrCat("the head is signed by ", who, " key ", key.id(), ", which is not trusted");
  return {};
}

}  // namespace

FrameVerifier::FrameVerifier(const SessionId& session, CommitKeys keys)
    : session_(session), keys_(std::move(keys)) {}

void FrameVerifier::expect(std::vector<KnownRoot> known) {
  CHECK(tree_.size() == 0, tree_.size());
  known_ = std::move(known);
  std::sort(known_.begin(), known_.end(),
            [](const KnownRoot& a, const KnownRoot& b) { return a.size < b.size; });
}

bool FrameVerifier::fail(uint64_t seq, std::string what) {
  CHECK(!problem_.has_value(), seq, problem_->what);
  problem_ = Problem{seq, std::move(what)};
  return false;
}

bool FrameVerifier::add(const StoredBatch& batch, std::vector<Frame>* frames) {
  frames->clear();
  if (problem_) return false;
  const uint64_t next = tree_.size() + 1;
  if (batch.first_seq > next)
    return fail(next, frames_text(next, batch.first_seq - 1) + " missing");
  if (batch.first_seq < next)
    return fail(batch.first_seq, absl::StrCat("frame ", batch.first_seq, " is stored twice"));
  const std::string name = frames_text(batch.first_seq, batch.last_seq);
  absl::StatusOr<std::vector<Frame>> decoded =
      decode_batch(batch.first_seq, batch.last_seq, batch.codec, batch.raw_bytes, batch.data);
  if (!decoded.ok())
    return fail(
        next,
        absl::StrCat(name, " cannot be read: ", absl::string_view(decoded.status().message())));
  const uint64_t in_before = bytes_in_;
  const uint64_t out_before = bytes_out_;
  for (const Frame& frame : *decoded)
    if (!check_frame(frame)) return false;
  if (view(tree_.root()) != batch.root)
    return fail(next, "the content of " + name + " does not match the stored root");
  if (bytes_in_ - in_before != batch.bytes_in || bytes_out_ - out_before != batch.bytes_out)
    return fail(next, "the stored byte counts of " + name + " are wrong");
  const Frame& last = decoded->back();
  if (batch.last_offset_ns.value_or(last.offset_ns) != last.offset_ns ||
      batch.last_kind.value_or(static_cast<uint16_t>(last.kind)) !=
          static_cast<uint16_t>(last.kind))
    return fail(batch.last_seq, absl::StrCat("the stored facts of frame ", batch.last_seq,
                                             " are not those of the frame"));
  *frames = *std::move(decoded);
  return true;
}

// decode_batch has already checked that the seq of the frame is the next one and that its payload
// is not too long.
bool FrameVerifier::check_frame(const Frame& frame) {
  const uint64_t seq = frame.seq;
  if (frame.absent) return fail(seq, absl::StrCat("frame ", seq, " is stored without its payload"));
  if (frame.offset_ns < last_offset_ns_)
    return fail(seq,
                absl::StrCat("frame ", seq, " has a smaller offset_ns than the frame before it"));
  if (ended_) return fail(seq, absl::StrCat("frame ", seq, " comes after the end of the session"));
  if (opens_session(frame.kind) != (seq == 1))
    return fail(seq,
                absl::StrCat("frame ", seq,
                             seq == 1 ? " does not open the session" : " opens the session again"));
  if (!is_bytes(frame.kind) && !check_event(frame)) return false;
  if (frame.kind == FrameKind::kIn) bytes_in_ += frame.payload.size();
  if (frame.kind == FrameKind::kOut || frame.kind == FrameKind::kErr)
    bytes_out_ += frame.payload.size();
  last_offset_ns_ = frame.offset_ns;
  tree_.append(leaf_hash(session_, keys_, frame));
  CHECK(tree_.size() == seq, tree_.size(), seq);
  return check_known_root();
}

// A root commits to all frames before it, so the frame that differs is one of those behind the
// known root before.
bool FrameVerifier::check_known_root() {
  const uint64_t size = tree_.size();
  while (next_known_ < known_.size() && known_[next_known_].size == size) {
    const KnownRoot& known = known_[next_known_];
    const uint64_t first = next_known_ == 0 ? 1 : known_[next_known_ - 1].size + 1;
    const bool is_one = first >= size;
    if (known.root != tree_.root())
      return fail(is_one ? size : 0,
                  absl::StrCat(frames_text(std::min(first, size), size), is_one ? " is" : " are",
                               " not what ", known.named_by, " names"));
    next_known_++;
  }
  return true;
}

std::optional<Problem> FrameVerifier::missing_tail() const {
  const uint64_t size = tree_.size();
  if (known_.empty() || known_.back().size <= size) return std::nullopt;
  const KnownRoot& known = known_.back();
  return Problem{size + 1,
                 absl::StrCat(frames_text(size + 1, known.size), " missing from the end; ",
                              known.named_by, " named ", size + 1 == known.size ? "it" : "them")};
}

bool FrameVerifier::check_event(const Frame& frame) {
  if (is_known(static_cast<uint16_t>(frame.kind)) && !Event::decode(frame.payload).ok())
    return fail(frame.seq, absl::StrCat("the event of frame ", frame.seq, " does not decode"));
  ended_ = ended_ || ends_session(frame.kind);
  return true;
}

std::optional<Problem> check_head(const SessionId& session, uint64_t size, const Hash& root,
                                  const StoredHead& head, const TrustedKeys& trusted) {
  if (head.size > size)
    return Problem{size + 1, frames_text(size + 1, head.size) + " missing from the end"};
  if (head.size < size)
    return Problem{head.size + 1,
                   frames_text(head.size + 1, size) + " added after the signed head"};
  if (head.root != view(root))
    return Problem{0, "the root of the signed head is not the root of the frames"};
  const std::string text = SessionHead{session, size, root}.signed_text();
  std::string what =
      signature_problem("gateway", head.gateway_key, head.gateway_signature, text, trusted.writers);
  if (what.empty())
    what = signature_problem("recorder", head.recorder_key, head.recorder_signature, text,
                             trusted.recorders);
  if (!what.empty()) return Problem{0, std::move(what)};
  return std::nullopt;
}

}  // namespace gatetape
