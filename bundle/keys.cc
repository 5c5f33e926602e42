#include "bundle/keys.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gatetape {

absl::StatusOr<BundleKeys> BundleKeys::parse(std::string_view text) {
  BundleKeys keys;
  for (size_t number = 1; !text.empty(); number++) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto key = VerifierKey::from_text(line);
    if (!key.ok())
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number, " is no verifier key: copy what `gatetape log key` prints"));
    (key->type == NoteKeyType::kEd25519 ? keys.logs : keys.witnesses).push_back(*key);
  }
  if (keys.logs.empty())
    return absl::InvalidArgumentError(
        "it has no key of a log: copy the line that `gatetape log key` prints");
  return keys;
}

}  // namespace gatetape
