// Frame: one step of a session and its canonical bytes (docs/FORMAT.md sections 2 and 3). Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "record/frame_kinds.h"
#include "record/session_id.h"

namespace gatetape {

// FormatVersion is the version of the canonical bytes. Version 1 has one key for all payloads of a
// session: whoever holds it finds a short payload by trying all of them. Version 2 has a key for
// each frame.
enum class FormatVersion : uint8_t { k1 = 1, k2 = 2 };
// Writers of this program write this version. The recorder and the verifier know both.
constexpr FormatVersion kFormatVersion = FormatVersion::k2;

// Largest payload of a frame, in bytes. The recorder refuses a larger one. The number is part of
// the format (docs/FORMAT.md section 2).
constexpr size_t kPayloadBytesMax = 256 * 1024;
// Size of a commit key, in bytes: the output size of the HMAC that it keys.
constexpr size_t kCommitKeyBytes = 32;
// Estimated memory of one queued frame in addition to its payload, in bytes. Every limit on queued
// frames adds this number for each frame, so that a frame of one byte is not counted as one byte.
// In a writer the sealed frame and its control block take 144 bytes, the allocation of the payload
// takes up to 24, and the pointers in the queues of gate, link and channel take 48. In the recorder
// the work item takes 184, and the payload 24. 256 is the next power of two above both sums.
constexpr size_t kFrameOverheadBytes = 256;

// AbsentPayload stands in the place of a payload that a reader does not have. The leaf of the frame
// is computed from it.
struct AbsentPayload {
  uint32_t bytes = 0;  // length of the payload
  Hash commitment{};
};

struct Frame {
  uint64_t seq = 0;
  uint32_t channel = 0;
  FrameKind kind = FrameKind::kIn;
  uint64_t offset_ns = 0;
  std::string payload;
  // Set when the payload is not there: its bytes were redacted, sealed or erased.
  std::optional<AbsentPayload> absent{};
};

// canonical_bytes returns the 75 canonical bytes of a frame whose payload has this commitment.
std::string canonical_bytes(const SessionId& session, FormatVersion version, const Frame& frame,
                            const Hash& commitment);
// leaf_of returns SHA-256(0x00 || canonical bytes).
Hash leaf_of(const SessionId& session, FormatVersion version, const Frame& frame,
             const Hash& commitment);

}  // namespace gatetape
