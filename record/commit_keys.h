// CommitKeys: the keys by which a session's leaves commit to its payloads (docs/FORMAT.md section
// 3). Pure; any thread, but each object belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/crypto.h"
#include "record/frame.h"
#include "record/session_id.h"

namespace gatetape {

class CommitKeys {
 public:
  // `commit_key` has kCommitKeyBytes.
  explicit CommitKeys(std::string commit_key, FormatVersion version = kFormatVersion);

  FormatVersion version() const { return version_; }
  const std::string& commit_key() const { return commit_key_; }
  // frame_key returns the key of one commitment. A holder of frame keys alone learns nothing about
  // the other frames. Version 1 has none of its own and returns the commit key.
  std::string frame_key(FrameKind kind, uint64_t seq) const;
  // commitment returns HMAC-SHA-256(frame key, payload), or what stands in the place of an absent
  // payload.
  Hash commitment(const Frame& frame) const;
  // check returns 16 bytes by which a holder of the commit key recognizes it: the field key_check.
  std::string check() const;

 private:
  std::string commit_key_;
  FormatVersion version_;
  std::string input_key_;   // version 2: direction key of bytes to the target
  std::string record_key_;  // version 2: direction key of every other kind
};

// leaf_hash returns the leaf of a frame.
Hash leaf_hash(const SessionId& session, const CommitKeys& keys, const Frame& frame);

}  // namespace gatetape
