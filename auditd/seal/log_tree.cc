#include "auditd/seal/log_tree.h"

#include <bit>

#include "base/check.h"
#include "record/merkle.h"

namespace gatetape::auditd {
namespace {

constexpr uint32_t kLevelBits = 8;  // a subtree of 256 leaves has this height

}  // namespace

absl::StatusOr<LogTree> LogTree::read(NodeSource& source, uint64_t size) {
  LogTree tree;
  while (tree.size_ < size) {
    const uint64_t leaves = std::bit_floor(size - tree.size_);
    const auto peak =
        source.node(static_cast<uint32_t>(std::countr_zero(leaves)), tree.size_ / leaves);
    if (!peak.ok()) return peak.status();
    tree.peaks_.push_back(*peak);
    tree.size_ += leaves;
  }
  return tree;
}

void LogTree::append(const Hash& leaf, std::vector<LogNode>* nodes) {
  Hash node = leaf;
  uint32_t level = 0;
  for (uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    node = node_hash(peaks_.back(), node);
    peaks_.pop_back();
    if (++level % kLevelBits == 0) nodes->push_back({level / kLevelBits, size_ >> level, node});
  }
  peaks_.push_back(node);
  size_++;
  CHECK(static_cast<size_t>(std::popcount(size_)) == peaks_.size(), size_, peaks_.size());
}

TreeHead LogTree::head() const {
  const auto range = CompactRange::from_peaks(size_, peaks_);
  CHECK(range.ok(), size_, peaks_.size());
  return {size_, range->root()};
}

}  // namespace gatetape::auditd
