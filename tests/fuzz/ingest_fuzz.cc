// Fuzz target of frames, binds and closes as they arrive from a writer. The input is a
// RecordRequest (record.proto). So that more than refusals is reached, an empty session_id,
// commit_key, root or public_key stands for the right one, and seq 0 of an item that is nothing
// else stands for the next seq. The verifier must accept what the recorder accepts.

#include <map>
#include <vector>

#include "record/batch.h"
#include "record/verify.h"
#include "recorder/ingest.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

using recorder::Ingest;
using Verdict = Ingest::Verdict;

const SigningKey& writer_key() {
  static const SigningKey key = SigningKey::generate();
  return key;
}

// Peer is one session of the stream: the side of the recorder, and what an honest recorder would
// know.
class Peer {
 public:
  void take(record::v1::Item item) {
    const Verdict verdict = item.seq() == 0 && item.has_bind()     ? on_bind(item.mutable_bind())
                            : item.seq() == 0 && item.has_resume() ? on_resume(item.resume())
                            : item.seq() == 0 && item.has_close()  ? on_close(item.mutable_close())
                                                                   : on_frame(item);
    if (refused_) CHECK(verdict == Verdict::kIgnore);
    if (verdict != Verdict::kRefuse) return;
    refused_ = true;
    CHECK(ingest_.refusal().code != record::v1::Refusal::CODE_UNSPECIFIED);
    check_shown(ingest_.refusal().detail);
  }

  void check_stored() const {
    if (frames_.empty()) return;
    const EncodedBatch batch = encode_batch(frames_);
    StoredBatch row{1,         frames_.size(), std::string(view(tree_.root())),
                    bytes_in_, bytes_out_,     {},
                    {},        batch.codec,    batch.raw_bytes,
                    batch.data};
    FrameVerifier verifier(ingest_.session(), ingest_.keys());
    std::vector<Frame> seen;
    CHECK(verifier.add(row, &seen), verifier.problem()->what);
    CHECK(seen.size() == frames_.size());
  }

 private:
  Verdict on_bind(record::v1::Bind* bind) {
    if (bind->session_id().empty()) bind->set_session_id(std::string(16, 's'));
    if (bind->commit_key().empty()) bind->set_commit_key(std::string(kCommitKeyBytes, 'k'));
    const Verdict verdict = ingest_.on_bind(*bind);
    is_bound_ = is_bound_ || verdict == Verdict::kAccept;
    if (verdict == Verdict::kAccept && !ingest_.is_fresh()) {
      const recorder::Tail nothing;
      CHECK(ingest_.on_tail(nothing) == Verdict::kAccept);
    }
    return verdict;
  }

  Verdict on_resume(const record::v1::Resume& resume) {
    const Verdict verdict = ingest_.on_resume(resume);
    // Nothing is stored, so that only a Resume of zero frames can be right.
    if (verdict == Verdict::kAccept) CHECK(resume.size() == 0 && resume.peaks_size() == 0);
    return verdict;
  }

  Verdict on_frame(const record::v1::Item& item) {
    Frame frame{item.seq(), item.channel(), {}, item.offset_ns(), item.payload()};
    frame.kind = static_cast<FrameKind>(item.kind() <= UINT16_MAX ? item.kind() : 0);
    if (frame.seq == 0) frame.seq = tree_.size() + 1;
    CompactRange next = tree_;
    next.append(leaf_hash(ingest_.session(), keys(), frame));
    const std::string root = item.root().empty() ? std::string(view(next.root())) : item.root();
    const Verdict verdict = ingest_.on_frame(frame, root);
    if (verdict == Verdict::kAccept) accepted(frame, root, next);
    CHECK(refused_ || verdict == Verdict::kRefuse || ingest_.head().size == tree_.size());
    return verdict;
  }

  // keys returns those of the session, and any before there is one.
  const CommitKeys& keys() const {
    static const CommitKeys none(std::string(kCommitKeyBytes, '0'));
    return is_bound_ ? ingest_.keys() : none;
  }

  void accepted(const Frame& frame, const std::string& root, const CompactRange& next) {
    CHECK(!closed_);
    CHECK(frame.seq == tree_.size() + 1, frame.seq);
    CHECK(frame.payload.size() <= kPayloadBytesMax);
    CHECK(root == view(next.root()));
    CHECK(view(ingest_.head().root) == root && ingest_.head().size == next.size());
    const auto derived = ingest_.take_derived();
    CHECK((derived == nullptr) == is_bytes(frame.kind));
    if (derived) {
      check_shown(derived->event.text);
      CHECK(derived->event.name.size() <= 2048);  // the limit of an index row
      CHECK(derived->session.has_value() == (frame.seq == 1));
    }
    if (frame.kind == FrameKind::kIn) bytes_in_ += frame.payload.size();
    if (frame.kind == FrameKind::kOut || frame.kind == FrameKind::kErr)
      bytes_out_ += frame.payload.size();
    frames_.push_back(frame);
    tree_ = next;
  }

  Verdict on_close(record::v1::Close* close) {
    if (close->public_key().empty()) {
      close->set_public_key(writer_key().public_key().raw);
      close->set_size(tree_.size());
      close->set_root(std::string(view(tree_.root())));
      const SessionHead head{ingest_.session(), tree_.size(), tree_.root()};
      close->set_signature(writer_key().sign(head.signed_text()));
    }
    const Verdict verdict = ingest_.on_close(*close);
    if (verdict == Verdict::kAccept) {
      CHECK(!frames_.empty() && !closed_);
      CHECK(close->root() == view(tree_.root()) && close->size() == tree_.size());
      closed_ = true;
    }
    return verdict;
  }

  Ingest ingest_;
  bool is_bound_ = false;
  CompactRange tree_;
  std::vector<Frame> frames_;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  bool refused_ = false;
  bool closed_ = false;
};

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  record::v1::RecordRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  std::map<uint32_t, fuzz::Peer> peers;
  for (const record::v1::Item& item : request.items()) peers[item.session_handle()].take(item);
  for (const auto& [handle, peer] : peers) peer.check_stored();
  return 0;
}
