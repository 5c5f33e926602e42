// write_bundle: writes the file of a bundle from its members (docs/FORMAT.md section 10.1). Pure;
// one thread.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/read_at.h"
#include "bundle/manifest.h"

namespace gatetape {

// Content is a member that is to be written. Its bytes outlive the call.
struct Content {
  std::string name;
  const ReadAt* bytes = nullptr;
};

// ByteSink receives the bytes of a file in order.
using ByteSink = absl::FunctionRef<absl::Status(std::string_view bytes)>;

// write_bundle writes the manifest, whose list of members it fills in, and the members. It sorts
// the members. It fails with INVALID_ARGUMENT when a name is unknown or occurs twice, with
// OUT_OF_RANGE when a member is over 8 GiB, and as the sources and the sink do.
absl::Status write_bundle(Manifest manifest, std::vector<Content> contents, ByteSink sink);

}  // namespace gatetape
