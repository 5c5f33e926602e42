// MirrorCore: what an auditor's own copy of the checkpoints concludes from the next one
// (docs/FORMAT.md sections 9.3 to 9.6). The published tiles may be hostile. Pure behind TileReader;
// any thread.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "log/checkpoint.h"
#include "log/tile.h"

namespace gatetape {

enum class MirrorVerdict {
  kFirst,     // there was no checkpoint to compare with
  kSame,      // the same tree
  kExtended,  // the new tree only appended to the old one
  kFork,      // the log signed two histories
  kRollback,  // the log showed an older tree than before
  kUnproved,  // the published tiles are not those of the new checkpoint
};

// to_text returns the word of a verdict: first, same, extended, fork, rollback, unproved.
std::string_view to_text(MirrorVerdict verdict);
// is_good returns true when the new checkpoint may be kept in the place of the old one.
bool is_good(MirrorVerdict verdict);

struct MirrorFinding {
  MirrorVerdict verdict = MirrorVerdict::kFirst;
  std::string reason;  // one sentence for a verdict that is not good
};

// judge_checkpoint compares `found` with the newest checkpoint that was kept, or nullptr. Their log
// signed both. `tiles` reads what is published now. It fails as `tiles` does: no verdict is
// possible.
absl::StatusOr<MirrorFinding> judge_checkpoint(const Checkpoint* kept, const Checkpoint& found,
                                               TileReader& tiles);

}  // namespace gatetape
