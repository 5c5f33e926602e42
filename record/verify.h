// The verifier of one session: from stored batches, the commit key and the signed head alone, it
// tells whether the frames are what was recorded, and which is the first that is not. Nothing here
// reads storage, so that a stranger with an export runs the same checks. Pure; one thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "record/event.h"
#include "record/frame.h"
#include "record/merkle.h"
#include "record/session_id.h"

namespace gatetape {

// Problem is what is wrong with a session, in one line of plain words.
struct Problem {
  uint64_t seq = 0;  // the first bad frame; 0 = no single frame
  std::string what;
};

// StoredBatch is one row of gatetape.frames with its data as stored (docs/FORMAT.md section 6).
struct StoredBatch {
  uint64_t first_seq = 0;
  uint64_t last_seq = 0;
  std::string root;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  int16_t codec = 0;
  uint32_t raw_bytes = 0;
  std::string data;
};

// StoredHead is one row of gatetape.head.
struct StoredHead {
  uint64_t size = 0;
  std::string root;
  std::string gateway_key;
  std::string gateway_signature;
  std::string recorder_key;
  std::string recorder_signature;
};

// TrustedKeys are the public keys that may sign, known from elsewhere than the store.
struct TrustedKeys {
  std::vector<PublicKey> writers;
  std::vector<PublicKey> recorders;
};

// FrameVerifier takes a session's batches in order of first_seq and keeps their Merkle tree. After
// the first problem it takes nothing more.
class FrameVerifier {
 public:
  // `commit_key` is the session's, kCommitKeyBytes long.
  FrameVerifier(const SessionId& session, std::string commit_key);

  // add checks one batch: it follows the one before, decodes, and hashes to its root. `frames` gets
  // the decoded frames. False at the first problem and ever after.
  bool add(const StoredBatch& batch, std::vector<Frame>* frames);
  const std::optional<Problem>& problem() const { return problem_; }

  uint64_t size() const { return tree_.size(); }
  Hash root() const { return tree_.root(); }

 private:
  bool check_frame(const Frame& frame);
  bool check_event(const Frame& frame);
  bool fail(uint64_t seq, std::string what);

  SessionId session_;
  std::string commit_key_;
  CompactRange tree_;
  std::optional<Problem> problem_;
  uint64_t last_offset_ns_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  bool ended_ = false;
};

// check_head compares a signed head with the `size` and `root` that the frames give: both must fit,
// both signatures must verify, and both keys must be trusted.
std::optional<Problem> check_head(const SessionId& session, uint64_t size, const Hash& root,
                                  const StoredHead& head, const TrustedKeys& trusted);

}  // namespace gatetape
