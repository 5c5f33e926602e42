// Proofs of the log's tree (docs/FORMAT.md section 9.3; RFC 6962 section 2.1, RFC 9162 section
// 2.1.3 and 2.1.4): which leaf is in it, and that it only grew. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/crypto.h"

namespace gatetape {

// merkle_leaf returns the hash of a leaf of RFC 6962: SHA-256(0x00 || entry).
Hash merkle_leaf(std::string_view entry);
// empty_root returns the root of a tree without leaves.
Hash empty_root();

// NodeSource returns hashes of a stored tree. The caller owns it.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // node returns the root of the complete subtree over the 2^level leaves from index * 2^level on.
  // It is called only for subtrees that the tree has, with a level below 63.
  virtual absl::StatusOr<Hash> node(uint32_t level, uint64_t index) = 0;
};

// tree_root returns the root of the first `size` leaves. It fails only as `source` does.
absl::StatusOr<Hash> tree_root(NodeSource& source, uint64_t size);
// inclusion_proof returns the hashes from the sibling of leaf `index` to the child of the root. It
// fails with INVALID_ARGUMENT when `index` is not below `size`, and as `source` does.
absl::StatusOr<std::vector<Hash>> inclusion_proof(NodeSource& source, uint64_t index,
                                                  uint64_t size);
// consistency_proof returns the proof that the first `old_size` leaves of the tree of `size` are
// the tree of `old_size`. From 0 and to the same size it is empty. It fails with INVALID_ARGUMENT
// when `old_size` is above `size`, and as `source` does.
absl::StatusOr<std::vector<Hash>> consistency_proof(NodeSource& source, uint64_t old_size,
                                                    uint64_t size);

struct TreeHead {
  uint64_t size = 0;
  Hash root{};
  bool operator==(const TreeHead&) const = default;
};

// verify_inclusion fails with DATA_LOSS unless `proof` leads from the leaf hash at `index` to the
// root of `tree`.
absl::Status verify_inclusion(const Hash& leaf, uint64_t index, const TreeHead& tree,
                              absl::Span<const Hash> proof);
// verify_consistency fails with DATA_LOSS unless `proof` shows that `newer` only appended to
// `older`.
absl::Status verify_consistency(const TreeHead& older, const TreeHead& newer,
                                absl::Span<const Hash> proof);

}  // namespace gatetape
