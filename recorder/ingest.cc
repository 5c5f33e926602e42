#include "recorder/ingest.h"

#include <utility>

#include "base/check.h"
#include "base/crypto.h"

namespace gatetape::recorder {
namespace {

using Code = record::v1::Refusal;

// Bytes of a value that is stored in an indexed column. A longer value is refused: an index entry
// of PostgreSQL holds at most 2704 bytes, and printable text is up to four times as long as the
// bytes.
constexpr size_t kIndexedBytesMax = 512;

bool is_first(FrameKind kind) {
  return kind == FrameKind::kSessionOpen || kind == FrameKind::kStart;
}

bool is_last(FrameKind kind) { return kind == FrameKind::kSessionEnd || kind == FrameKind::kStop; }

bool is_session_kind(const Frame& frame, const Event& event) {
  const std::string_view kind = event.get("kind");
  return frame.kind == FrameKind::kStart ? kind == "system"
                                         : kind == "session" || kind == "forward";
}

}  // namespace

Ingest::Verdict Ingest::refuse(record::v1::Refusal::Code code, std::string detail) {
  CHECK(state_ != State::kRefused, refusal_.detail);
  CHECK(code != Code::CODE_UNSPECIFIED && !detail.empty(), static_cast<int>(code));
  state_ = State::kRefused;
  refusal_ = {code, std::move(detail)};
  known_.clear();
  return Verdict::kRefuse;
}

Ingest::Verdict Ingest::on_bind(const record::v1::Bind& bind) {
  if (state_ == State::kRefused) return Verdict::kIgnore;
  if (state_ != State::kUnbound)
    return refuse(Code::CODE_MALFORMED, "the session handle was bound before");
  const absl::StatusOr<SessionId> session = SessionId::from_bytes(bind.session_id());
  if (!session.ok()) return refuse(Code::CODE_MALFORMED, "session_id is not 16 bytes");
  if (bind.commit_key().size() != kCommitKeyBytes)
    return refuse(Code::CODE_MALFORMED, "commit_key is not 32 bytes");
  if (bind.format_version() > static_cast<uint32_t>(kFormatVersion))
    return refuse(Code::CODE_MALFORMED, "the writer's format version is newer than the recorder's");
  CHECK(range_.size() == 0 && !keys_, range_.size());
  session_ = *session;
  keys_.emplace(bind.commit_key(),
                bind.format_version() < 2 ? FormatVersion::k1 : FormatVersion::k2);
  rebound_ = !bind.fresh();
  state_ = rebound_ ? State::kAsked : State::kBound;
  return Verdict::kAccept;
}

Ingest::Verdict Ingest::on_tail(const Tail& tail) {
  if (state_ != State::kAsked) return Verdict::kIgnore;
  if (tail.has_head) return refuse(Code::CODE_CLOSED, "the session has a signed head");
  if (!tail.damage.ok())
    return refuse(Code::CODE_ROOT_MISMATCH, std::string(tail.damage.message()));
  if (tail.last_seq > 0 && !equal_secrets(tail.commit_key, keys_->commit_key()))
    return refuse(Code::CODE_ROOT_MISMATCH, "the session was begun with another commit key");
  if (tail.last_seq > 0 && tail.format_version != static_cast<int16_t>(keys_->version()))
    return refuse(Code::CODE_ROOT_MISMATCH, "the session was begun in another format version");
  CHECK(range_.size() == 0 && known_.empty(), range_.size());
  tail_ = tail;
  state_ = State::kTold;
  return Verdict::kAccept;
}

Ingest::Verdict Ingest::on_resume(const record::v1::Resume& resume) {
  if (state_ == State::kRefused) return Verdict::kIgnore;
  if (state_ != State::kTold) return refuse(Code::CODE_MALFORMED, "Resume without Bound");
  if (resume.size() != tail_.last_seq)
    return refuse(Code::CODE_GAP, "Resume at " + std::to_string(resume.size()) + ", stored are " +
                                      std::to_string(tail_.last_seq));
  std::vector<Hash> peaks(static_cast<size_t>(resume.peaks_size()));
  for (size_t i = 0; i < peaks.size(); i++)
    if (!to_hash(resume.peaks(static_cast<int>(i)), &peaks[i]))
      return refuse(Code::CODE_MALFORMED, "a peak is not 32 bytes");
  absl::StatusOr<CompactRange> range = CompactRange::from_peaks(resume.size(), std::move(peaks));
  if (!range.ok()) return refuse(Code::CODE_ROOT_MISMATCH, std::string(range.status().message()));
  if (resume.size() > 0 && range->root() != tail_.root)
    return refuse(Code::CODE_ROOT_MISMATCH, "the peaks do not hash to the stored root");
  range_ = *std::move(range);
  root_ = tail_.root;
  offset_ns_ = tail_.offset_ns;
  last_kind_ = tail_.kind;
  started_at_ns_ = tail_.started_at_ns;
  CHECK(range_.size() == tail_.last_seq, range_.size(), tail_.last_seq);
  state_ = State::kBound;
  return Verdict::kAccept;
}

std::string Ingest::check_limits(const Frame& frame) const {
  if (frame.payload.size() > kPayloadBytesMax) return "the payload is over 256 KiB";
  if (!is_written(static_cast<uint16_t>(frame.kind))) return "the kind is unknown or reserved";
  if (writer_ == Writer::kSystemAlone && class_of(frame.kind) != FrameClass::kSystem)
    return "this writer may write frames of a system session only";
  if (frame.channel > INT32_MAX || frame.offset_ns > INT64_MAX) return "a number is too large";
  if (frame.offset_ns < offset_ns_) return "offset_ns went back";
  return {};
}

std::string Ingest::check_order(const Frame& frame) const {
  if ((frame.seq == 1) != is_first(frame.kind))
    return "session_open or start is frame 1, and no other";
  if (is_last(last_kind_)) return "the session had its end";
  // The row of a channel that was opened twice would not be stored.
  if (frame.kind == FrameKind::kChannelOpen && frame.channel <= last_channel_)
    return "the number of a new channel is not above those before it";
  return {};
}

std::string Ingest::derive(const Frame& frame) {
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  if (!event.ok()) return std::string(event.status().message());
  for (std::string_view key : {"user", "target", "request"})
    if (frame.kind != FrameKind::kAuthAttempt && event->get(key).size() > kIndexedBytesMax)
      return std::string(key) + " is over 512 bytes";
  derived_ = std::make_unique<Derived>();
  if (is_first(frame.kind)) {
    if (!is_session_kind(frame, *event)) return "the kind of session is unknown";
    derived_->session = derive_session(frame, *event, keys_->version());
    started_at_ns_ = derived_->session->started_at_ns;
  }
  CHECK(!derived_->session || frame.seq == 1, frame.seq);
  if (is_last(frame.kind))
    derived_->session_end = derive_session_end(frame, *event, started_at_ns_, keys_->version());
  derived_->channel = derive_channel(frame, *event, keys_->version());
  derived_->event = derive_event(frame, *event, keys_->version());
  return {};
}

Ingest::Verdict Ingest::on_repeat(const Frame& frame, std::string_view root) {
  const uint64_t age = range_.size() - frame.seq;  // 0 = the newest
  if (age >= known_.size())
    return refuse(Code::CODE_REPEAT_DIFFERS,
                  "frame " + std::to_string(frame.seq) + " is a repeat too old to compare");
  CHECK(view(known_.back().root) == view(root_), frame.seq);
  const Known& known = known_[known_.size() - 1 - static_cast<size_t>(age)];
  if (view(known.root) != root || known.leaf != leaf_hash(session_, *keys_, frame))
    return refuse(Code::CODE_REPEAT_DIFFERS,
                  "frame " + std::to_string(frame.seq) + " came again with other content");
  return Verdict::kIgnore;
}

Ingest::Verdict Ingest::on_frame(const Frame& frame, std::string_view root) {
  if (state_ == State::kRefused) return Verdict::kIgnore;
  if (state_ == State::kClosed) return refuse(Code::CODE_CLOSED, "a frame after Close");
  if (state_ != State::kBound) return refuse(Code::CODE_GAP, "a frame of no bound session");
  if (frame.seq == 0) return refuse(Code::CODE_MALFORMED, "frames begin with 1");
  if (frame.seq <= range_.size()) return on_repeat(frame, root);
  if (frame.seq != range_.size() + 1)
    return refuse(Code::CODE_GAP,
                  "frame " + std::to_string(frame.seq) + " after " + std::to_string(range_.size()));
  std::string wrong = check_limits(frame);
  if (wrong.empty()) wrong = check_order(frame);
  if (wrong.empty() && !is_bytes(frame.kind)) wrong = derive(frame);
  if (!wrong.empty())
    return refuse(Code::CODE_MALFORMED, "frame " + std::to_string(frame.seq) + ": " + wrong);
  const Hash leaf = leaf_hash(session_, *keys_, frame);
  range_.append(leaf);
  root_ = range_.root();
  if (view(root_) != root)
    return refuse(Code::CODE_ROOT_MISMATCH,
                  "the root with frame " + std::to_string(frame.seq) + " is another");
  offset_ns_ = frame.offset_ns;
  last_kind_ = frame.kind;
  if (frame.kind == FrameKind::kChannelOpen) last_channel_ = frame.channel;
  known_.push_back({leaf, root_});
  if (known_.size() > kRepeatsKept) known_.pop_front();
  CHECK(range_.size() == frame.seq && known_.size() <= frame.seq, range_.size(), known_.size());
  return Verdict::kAccept;
}

Ingest::Verdict Ingest::on_close(const record::v1::Close& close) {
  if (state_ == State::kRefused) return Verdict::kIgnore;
  if (state_ == State::kClosed) return refuse(Code::CODE_CLOSED, "Close came before");
  if (state_ != State::kBound || range_.size() == 0)
    return refuse(Code::CODE_GAP, "Close of a session without frames");
  if (close.public_key().size() != 32 || close.signature().size() != 64)
    return refuse(Code::CODE_MALFORMED, "the key or signature of Close has the wrong size");
  if (close.size() != range_.size() || close.root() != view(root_))
    return refuse(Code::CODE_ROOT_MISMATCH, "Close is over other frames");
  if (!PublicKey{close.public_key()}.verify(head().signed_text(), close.signature()))
    return refuse(Code::CODE_ROOT_MISMATCH, "the signature of Close does not verify");
  CHECK(head().size == range_.size() && head().root == range_.root(), range_.size());
  state_ = State::kClosed;
  return Verdict::kAccept;
}

}  // namespace gatetape::recorder
