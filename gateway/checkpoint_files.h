// The files of the guard against an older database: the keys of the log, the checkpoint that this
// gateway has kept, the word of an administrator, and the line that says why sessions are refused.
// Thread of the rollback guard, and main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "log/vkey.h"
#include "policy/acceptance.h"

namespace gatetape::gateway {

// load_log_keys reads files of verifier keys, one per line, with empty lines and lines that begin
// with # between them. It fails as read_whole_file does, and with INVALID_ARGUMENT when a line is
// no key that signs checkpoints, when there is no key, or when the keys are not all of one log.
absl::StatusOr<std::vector<VerifierKey>> load_log_keys(const std::vector<std::string>& files);

class CheckpointFiles {
 public:
  // `checkpoint_file` is [gateway] checkpoint_file. The other files lie beside it.
  explicit CheckpointFiles(std::string checkpoint_file) : path_(std::move(checkpoint_file)) {}

  // read_checkpoint returns the text of the file, empty when there is none.
  absl::StatusOr<std::string> read_checkpoint() const;
  // write_checkpoint returns when the disk has the text. An empty text removes the file.
  absl::Status write_checkpoint(const std::string& text) const;
  // read_acceptance returns nothing when there is no file. It fails when the file cannot be read,
  // or holds something else.
  absl::StatusOr<std::optional<Acceptance>> read_acceptance() const;
  // write_refusal writes the line that says why sessions are refused, for `gatetape doctor`.
  absl::Status write_refusal(const std::string& line) const;
  // remove_others removes the acceptance and the line; it is no error when they are not there.
  absl::Status remove_others() const;

 private:
  const std::string path_;
};

}  // namespace gatetape::gateway
