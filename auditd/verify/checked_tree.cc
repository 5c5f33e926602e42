#include "auditd/verify/checked_tree.h"

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

// Missing subtrees of a level that are named, so that an emptied table is a few lines.
constexpr size_t kMissingMax = 10;

std::string name_of(uint64_t level, uint64_t index) {
  return absl::StrCat("node ", index, " of level ", level, " in log_node");
}

}  // namespace

void CheckedTree::append(const Hash& leaf) {
  tree_.append(leaf);
  Hash hash = leaf;
  for (Level& level : levels_) {
    level.children.append(hash);
    if (level.children.size() < kWidth) return;
    hash = level.children.root();
    level.children = CompactRange();
    level.hashes.push_back(hash);
    level.seen.push_back(false);
  }
}

std::string CheckedTree::check_node(int64_t level, int64_t index, std::string_view hash) {
  const auto number = static_cast<uint64_t>(index);
  const std::string name = name_of(static_cast<uint64_t>(level), number);
  if (level < 1 || level > static_cast<int64_t>(kLevels)) return name + " is of no level";
  Level& stored = levels_[static_cast<size_t>(level - 1)];
  if (index < 0 || number >= stored.hashes.size()) return name + " is of leaves that are missing";
  stored.seen[number] = true;
  return view(stored.hashes[number]) == hash ? "" : name + " is not the root of its leaves";
}

std::vector<std::string> CheckedTree::missing_nodes() const {
  std::vector<std::string> lines;
  for (size_t level = 0; level < kLevels; level++) {
    size_t missing = 0;
    for (size_t i = 0; i < levels_[level].seen.size() && missing < kMissingMax; i++)
      if (!levels_[level].seen[i]) {
        missing++;
        lines.push_back(name_of(level + 1, i) + " is missing");
      }
  }
  return lines;
}

}  // namespace gatetape::auditd
