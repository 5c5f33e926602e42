// Manifest: the first member of a bundle, which lists the others (docs/FORMAT.md section 10.2).
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "bundle/left_out.h"
#include "record/frame.h"
#include "record/session_id.h"

namespace gatetape {

inline constexpr char kManifestName[] = "MANIFEST";
// Largest manifest, in bytes. It bounds the number of members, and so the memory of a verifier.
constexpr size_t kManifestBytesMax = size_t{1} << 20;

struct Member {
  Hash sha256{};
  uint64_t size = 0;
  std::string name;

  // to_line returns the line of the manifest with its line end.
  std::string to_line() const;
  bool operator==(const Member&) const = default;
};

struct Manifest {
  SessionId session;
  FormatVersion version = kFormatVersion;
  uint64_t created_ns = 0;  // Unix time
  uint64_t frames = 0;
  std::vector<LeftOut> left_out;  // by ascending kind
  std::vector<Member> members;    // in the order of the file

  // to_text returns the manifest with its own hash in the last line.
  std::string to_text() const;
  // parse accepts a manifest, which may be hostile, with members of known names in their order. It
  // fails with INVALID_ARGUMENT for any other text.
  static absl::StatusOr<Manifest> parse(std::string_view text);
  // find returns the member of a name, or nullptr.
  const Member* find(std::string_view name) const;
};

}  // namespace gatetape
