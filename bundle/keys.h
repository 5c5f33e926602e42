// BundleKeys: the keys that a verifier was given (docs/FORMAT.md section 10.6). They come from a
// file of the person who verifies, never from a bundle. Pure; any thread.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "log/vkey.h"

namespace gatetape {

struct BundleKeys {
  std::vector<VerifierKey> logs;       // at least one
  std::vector<VerifierKey> witnesses;  // keys of type 0x04

  // parse reads one key per line; empty lines and lines that begin with # are ignored. It fails
  // with INVALID_ARGUMENT for any other line, and when no key is of a log.
  static absl::StatusOr<BundleKeys> parse(std::string_view text);
};

}  // namespace gatetape
