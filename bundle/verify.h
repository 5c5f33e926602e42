// verify_bundle: the verdicts about a bundle (docs/FORMAT.md section 10.7), from the file and the
// keys of the person who verifies alone. `gatetape verify FILE` and the tests call it. Pure; one
// thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/read_at.h"
#include "bundle/judgement.h"
#include "bundle/keys.h"
#include "bundle/open.h"

namespace gatetape {

struct BundleVerdict {
  std::string name;  // INTEGRITY and so on
  Judgement judgement = Judgement::kUnknown;
  std::string reason;  // safe to print

  // to_line returns `NAME WORD  reason` without a line end.
  std::string to_line() const;
};

struct BundleReport {
  std::vector<BundleVerdict> verdicts;  // in the order of FORMAT.md

  // is_proven returns true when no verdict is BAD, and INTEGRITY, COMPLETENESS and EXISTENCE are
  // GOOD.
  bool is_proven() const;
};

// verify_bundle reads the whole file in pieces. A malformed file has a report too; the call fails
// only as the source does.
absl::StatusOr<BundleReport> verify_bundle(const ReadAt& source, const BundleKeys& keys);

// judge returns the report on a bundle whose form is good.
BundleReport judge(const OpenedBundle& bundle, const BundleKeys& keys);

}  // namespace gatetape
