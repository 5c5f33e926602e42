#include "log/mirror_core.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace gatetape {
namespace {

std::string describe(const TreeHead& tree) { return absl::StrCat("size ", tree.size); }

// is_appended returns true when the tiles of `newer` prove that it only appended to `older`. It
// fails as the tiles do, and with DATA_LOSS when a tile is malformed.
absl::StatusOr<bool> is_appended(const TreeHead& older, const TreeHead& newer, TileReader& tiles) {
  TileSource source(tiles, newer.size);
  const auto proof = consistency_proof(source, older.size, newer.size);
  if (!proof.ok()) return proof.status();
  return verify_consistency(older, newer, *proof).ok();
}

// judge_smaller returns the finding about a tree that is older than the one that was kept. It is a
// rollback in any case: the tiles only say whether the history is another one too.
absl::StatusOr<MirrorFinding> judge_smaller(const TreeHead& kept, const TreeHead& found,
                                            TileReader& tiles) {
  const auto appended = is_appended(found, kept, tiles);
  const std::string_view history =
      appended.ok() && *appended
          ? "; it is the beginning of that tree"
          : "; nothing published proves that it is the beginning of that tree";
  return MirrorFinding{MirrorVerdict::kRollback,
                       absl::StrCat("the log shows ", describe(found), " after ", describe(kept)) +
                           std::string(history)};
}

// root_within returns the root that the tree of `newer` has at `size`, when the tiles prove it. It
// fails as is_appended does, and with DATA_LOSS when the tiles are not those of `newer`.
absl::StatusOr<Hash> root_within(const TreeHead& newer, uint64_t size, TileReader& tiles) {
  TileSource source(tiles, newer.size);
  const auto root = tree_root(source, size);
  if (!root.ok()) return root.status();
  const auto appended = is_appended({size, *root}, newer, tiles);
  if (!appended.ok()) return appended.status();
  if (!*appended) return absl::DataLossError("the tiles have another root");
  return root;
}

// judge_larger returns the finding about a larger tree. A fork is named only when the tiles prove
// that the tree of `found` had another root: damaged tiles alone accuse no log.
absl::StatusOr<MirrorFinding> judge_larger(const TreeHead& kept, const TreeHead& found,
                                           TileReader& tiles) {
  const auto root = root_within(found, kept.size, tiles);
  if (absl::IsDataLoss(root.status()))
    return MirrorFinding{
        MirrorVerdict::kUnproved,
        absl::StrCat("the published tiles are not those of the checkpoint of ", describe(found))};
  if (!root.ok()) return root.status();
  if (*root == kept.root) return MirrorFinding{MirrorVerdict::kExtended, ""};
  return MirrorFinding{MirrorVerdict::kFork,
                       absl::StrCat("the log forked: its tree of ", describe(found),
                                    " has another root at ", describe(kept), " than before")};
}

}  // namespace

std::string_view to_text(MirrorVerdict verdict) {
  switch (verdict) {
    case MirrorVerdict::kFirst:
      return "first";
    case MirrorVerdict::kSame:
      return "same";
    case MirrorVerdict::kExtended:
      return "extended";
    case MirrorVerdict::kFork:
      return "fork";
    case MirrorVerdict::kRollback:
      return "rollback";
    case MirrorVerdict::kUnproved:
      return "unproved";
  }
  CHECK(false, static_cast<int>(verdict));
}

bool is_good(MirrorVerdict verdict) {
  return verdict == MirrorVerdict::kFirst || verdict == MirrorVerdict::kSame ||
         verdict == MirrorVerdict::kExtended;
}

absl::StatusOr<MirrorFinding> judge_checkpoint(const Checkpoint* kept, const Checkpoint& found,
                                               TileReader& tiles) {
  if (kept == nullptr) return MirrorFinding{MirrorVerdict::kFirst, ""};
  CHECK(kept->origin == found.origin, kept->origin, found.origin);
  if (kept->tree == found.tree) return MirrorFinding{MirrorVerdict::kSame, ""};
  if (kept->tree.size == found.tree.size)
    return MirrorFinding{
        MirrorVerdict::kFork,
        absl::StrCat("the log forked: it signed two trees of ", describe(found.tree))};
  return found.tree.size < kept->tree.size ? judge_smaller(kept->tree, found.tree, tiles)
                                           : judge_larger(kept->tree, found.tree, tiles);
}

}  // namespace gatetape
