// Acceptance: the word of an administrator that an older database is right (gatetape log accept),
// and the names of the files by which a gateway and the administrator talk about it. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

struct Acceptance {
  // Longest reason, in bytes. A longer one is refused: it becomes a field of a frame and a line.
  static constexpr size_t kReasonBytesMax = 1024;

  std::string by;      // the name of an account, without a space or a colon
  std::string reason;  // one line of text

  // check returns INVALID_ARGUMENT when the reason is empty, too long, or not one line of text.
  absl::Status check() const;
  // to_text returns the line `by NAME: REASON` with its line end.
  std::string to_text() const;
  // parse accepts the line that to_text returns. It fails with INVALID_ARGUMENT for another text.
  static absl::StatusOr<Acceptance> parse(std::string_view text);
};

// acceptance_file returns the path at which the gateway with this checkpoint file looks for an
// acceptance.
std::string acceptance_file(const std::string& checkpoint_file);
// refusal_file returns the path of the file that is there while that gateway refuses sessions. It
// holds one line that says why.
std::string refusal_file(const std::string& checkpoint_file);

}  // namespace gatetape
