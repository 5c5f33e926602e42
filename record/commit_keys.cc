#include "record/commit_keys.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

constexpr std::string_view kInputInfo = "gatetape input v2";
constexpr std::string_view kRecordInfo = "gatetape record v2";
constexpr std::string_view kCheckInfo = "gatetape check v2";
constexpr size_t kCheckBytes = 16;

}  // namespace

CommitKeys::CommitKeys(std::string commit_key, FormatVersion version)
    : commit_key_(std::move(commit_key)), version_(version) {
  CHECK(commit_key_.size() == kCommitKeyBytes, commit_key_.size());
  if (version == FormatVersion::k1) return;
  input_key_ = hkdf_sha256(commit_key_, kInputInfo, kCommitKeyBytes);
  record_key_ = hkdf_sha256(commit_key_, kRecordInfo, kCommitKeyBytes);
}

std::string CommitKeys::frame_key(FrameKind kind, uint64_t seq) const {
  if (version_ == FormatVersion::k1) return commit_key_;
  std::string number;
  put_u64(&number, seq);
  return std::string(view(hmac_sha256(is_input(kind) ? input_key_ : record_key_, number)));
}

Hash CommitKeys::commitment(const Frame& frame) const {
  if (frame.absent) return frame.absent->commitment;
  if (version_ == FormatVersion::k1) return hmac_sha256(commit_key_, frame.payload);
  return hmac_sha256_once(frame_key(frame.kind, frame.seq), frame.payload);
}

std::string CommitKeys::check() const { return hkdf_sha256(commit_key_, kCheckInfo, kCheckBytes); }

Hash leaf_hash(const SessionId& session, const CommitKeys& keys, const Frame& frame) {
  return leaf_of(session, keys.version(), frame, keys.commitment(frame));
}

}  // namespace gatetape
