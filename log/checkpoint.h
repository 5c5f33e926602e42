// Checkpoint: the head of the log's tree, the text of a signed note (docs/FORMAT.md section 9.5;
// C2SP tlog-checkpoint). Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "log/note.h"
#include "log/proof.h"

namespace gatetape {

struct Checkpoint {
  std::string origin;
  TreeHead tree;
  std::string extensions;  // further lines, each with its line end; gatetape writes none

  // to_text returns the text that is signed. An origin that no line can hold fails a CHECK.
  std::string to_text() const;
  // parse accepts the text of a checkpoint without signatures. The bytes may be hostile; it fails
  // with INVALID_ARGUMENT for any other form.
  static absl::StatusOr<Checkpoint> parse(std::string_view text);
};

// sign_checkpoint returns the signed note of a checkpoint with one signature.
SignedNote sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& log);

// TrustedCheckpoint is a checkpoint that its log signed.
struct TrustedCheckpoint {
  Checkpoint checkpoint;
  SignedNote note;
  // Of trusted witnesses, in the order of the note. A witness that signed twice is there twice.
  std::vector<GoodSignature> cosignatures;
};

// open_checkpoint parses a checkpoint and verifies its signatures. It fails with INVALID_ARGUMENT
// when the bytes are no checkpoint; with NOT_FOUND when it is of another origin, or no trusted key
// of type kEd25519 whose name is `origin` signed it; and with DATA_LOSS when a signature of a
// trusted key does not verify.
absl::StatusOr<TrustedCheckpoint> open_checkpoint(std::string_view bytes, std::string_view origin,
                                                  absl::Span<const VerifierKey> trusted);

}  // namespace gatetape
