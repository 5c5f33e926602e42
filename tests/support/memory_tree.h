// MemoryTree: a tree of the log in memory, for tests: the source of nodes for proofs and tiles.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "log/proof.h"
#include "record/merkle.h"

namespace gatetape {

class MemoryTree : public NodeSource {
 public:
  // of_size returns a tree whose leaves are the entries "entry 0", "entry 1" ...
  static MemoryTree of_size(uint64_t size) {
    MemoryTree tree;
    for (uint64_t i = 0; i < size; i++) tree.append("entry " + std::to_string(i));
    return tree;
  }

  void append(std::string_view entry) {
    Hash hash = merkle_leaf(entry);
    for (size_t level = 0;; level++) {
      if (level == levels_.size()) levels_.emplace_back();
      levels_[level].push_back(hash);
      const auto& nodes = levels_[level];
      if (nodes.size() % 2 != 0) return;
      hash = node_hash(nodes[nodes.size() - 2], nodes.back());
    }
  }
  uint64_t size() const { return levels_.empty() ? 0 : levels_[0].size(); }
  const Hash& leaf(uint64_t index) const { return levels_[0][index]; }
  TreeHead head(uint64_t size) { return {size, *tree_root(*this, size)}; }
  TreeHead head() { return head(size()); }

  absl::StatusOr<Hash> node(uint32_t level, uint64_t index) override {
    if (level == broken_level) return absl::UnavailableError("the store is away");
    CHECK(level < levels_.size() && index < levels_[level].size(), level, index);
    return levels_[level][index];
  }

  uint32_t broken_level = 64;  // reads of this level fail

 private:
  std::vector<std::vector<Hash>> levels_;
};

}  // namespace gatetape
