// OpenedBundle: the parts of a bundle whose form is good (docs/FORMAT.md section 10, "Form").
// Nothing of it is trusted yet. Pure; one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/read_at.h"
#include "bundle/frames_check.h"
#include "bundle/manifest.h"
#include "bundle/statements.h"
#include "log/checkpoint.h"

namespace gatetape {

// MemberPlace is where the content of a member lies in the file.
struct MemberPlace {
  Member member;
  uint64_t offset = 0;
};

struct OpenedBundle {
  Manifest manifest;
  std::vector<MemberPlace> places;  // in the order of the file
  std::optional<SignedHead> head;
  SignedNote note;  // of the checkpoint
  Checkpoint checkpoint;
  std::vector<BundleEntry> entries;  // by ascending leaf index
  std::vector<BundleLine> lines;     // open, live, close
  FramesFacts frames;

  // line returns the line of a state, or nullptr.
  const BundleLine* line(HeadsLine::State state) const;
  // entry returns the entry of a line, which is of a heads list.
  const BundleEntry& entry(const BundleLine& line) const;
};

// open_bundle reads a whole file, which may be hostile, in pieces. It fails with INVALID_ARGUMENT
// when the form of a bundle does not hold, and otherwise as the source does.
absl::StatusOr<OpenedBundle> open_bundle(const ReadAt& source);

}  // namespace gatetape
