// The verifier of one session. From stored batches, the commit key and the signed head alone it
// checks whether the frames are the recorded ones, and names the first frame that is not. It reads
// no storage itself, so that a stranger with an export runs the same checks. Pure; one thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "record/commit_keys.h"
#include "record/event.h"
#include "record/frame.h"
#include "record/merkle.h"
#include "record/session_id.h"

namespace gatetape {

// Problem describes in one line what is wrong with a session.
struct Problem {
  uint64_t seq = 0;  // the first bad frame; 0 = no single frame
  std::string what;
};

// StoredBatch is one row of gatetape.frames with its data in the stored form (docs/FORMAT.md
// section 6).
struct StoredBatch {
  uint64_t first_seq = 0;
  uint64_t last_seq = 0;
  std::string root;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  // Facts of the last frame; rows that were stored before they became columns have none.
  std::optional<uint64_t> last_offset_ns{};
  std::optional<uint16_t> last_kind{};
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

// TrustedKeys holds the public keys whose signatures count. They come from files, never from the
// database that is verified.
struct TrustedKeys {
  std::vector<PublicKey> writers;
  std::vector<PublicKey> recorders;
};

// KnownRoot is the root of the first `size` frames of a session as something outside its rows names
// it, such as a line of a heads list.
struct KnownRoot {
  uint64_t size = 0;
  Hash root{};
  std::string named_by;  // in a sentence: "the heads list of 2026-11-30T11:00:00.000Z"
};

// FrameVerifier checks the batches of a session in order of first_seq and computes their Merkle
// tree. After the first problem it accepts no further batch.
class FrameVerifier {
 public:
  FrameVerifier(const SessionId& session, CommitKeys keys);
  // expect sets the roots that the frames must have. The caller calls it before the first batch.
  void expect(std::vector<KnownRoot> known);

  // add checks one batch: it must follow the batch before it, decode, and hash to its root. It
  // writes the decoded frames to `frames`. It returns false at the first problem and from then on.
  bool add(const StoredBatch& batch, std::vector<Frame>* frames);
  const std::optional<Problem>& problem() const { return problem_; }
  // missing_tail returns the problem that the frames end before the largest known root.
  std::optional<Problem> missing_tail() const;

  uint64_t size() const { return tree_.size(); }
  Hash root() const { return tree_.root(); }

 private:
  bool check_frame(const Frame& frame);
  bool check_event(const Frame& frame);
  bool check_known_root();
  bool fail(uint64_t seq, std::string what);

  SessionId session_;
  CommitKeys keys_;
  CompactRange tree_;
  std::optional<Problem> problem_;
  std::vector<KnownRoot> known_;  // in the order of their sizes
  size_t next_known_ = 0;         // the first one that was not compared yet
  uint64_t last_offset_ns_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  bool ended_ = false;
};

// check_head checks a signed head against the `size` and `root` of the frames: both must be equal,
// both signatures must verify, and both keys must be trusted. It returns the first problem.
std::optional<Problem> check_head(const SessionId& session, uint64_t size, const Hash& root,
                                  const StoredHead& head, const TrustedKeys& trusted);

}  // namespace gatetape
