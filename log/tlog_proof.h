// TlogProof: the proof that one entry is in the log, as a text (docs/FORMAT.md section 9.7; C2SP
// tlog-proof). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/crypto.h"
#include "log/checkpoint.h"

namespace gatetape {

// Largest text of a proof, in bytes: that of a checkpoint, and as much for the extra bytes and the
// hashes. A longer one is refused.
constexpr size_t kTlogProofBytesMax = 2 * kNoteBytesMax;

struct TlogProof {
  std::optional<std::string> extra;  // not authenticated; gatetape puts the entry there
  uint64_t index = 0;
  std::vector<Hash> hashes;
  std::string checkpoint;  // the signed note

  // to_text returns the text of the proof.
  std::string to_text() const;
  // parse accepts the text of a proof; it does not read the checkpoint. The bytes may be hostile;
  // it fails with INVALID_ARGUMENT for any other form.
  static absl::StatusOr<TlogProof> parse(std::string_view text);
  // verify returns the checkpoint when its log signed it and `entry` is at `index` in its tree. It
  // fails as open_checkpoint and verify_inclusion do.
  absl::StatusOr<TrustedCheckpoint> verify(std::string_view entry, std::string_view origin,
                                           absl::Span<const VerifierKey> trusted) const;
};

}  // namespace gatetape
