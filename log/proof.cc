#include "log/proof.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

// Range is the leaves from first up to, and without, end. It is a node of an RFC 6962 tree.
struct Range {
  uint64_t first = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - first; }
  // split returns the first leaf of the right child. The range has at least two leaves.
  uint64_t split() const { return first + std::bit_floor(size() - 1); }
};

// range_root returns the root over a range, from the complete subtrees of which it consists.
absl::StatusOr<Hash> range_root(NodeSource& source, Range range) {
  std::vector<Hash> peaks;
  while (range.first < range.end) {
    const uint64_t leaves = std::bit_floor(range.size());
    CHECK((range.first & (leaves - 1)) == 0, range.first, leaves);
    auto hash = source.node(static_cast<uint32_t>(std::countr_zero(leaves)), range.first / leaves);
    if (!hash.ok()) return hash.status();
    peaks.push_back(*hash);
    range.first += leaves;
  }
  if (peaks.empty()) return empty_root();
  Hash root = peaks.back();
  for (size_t i = peaks.size() - 1; i-- > 0;) root = node_hash(peaks[i], root);
  return root;
}

// roots_of returns the roots of ranges in the opposite order: proofs begin at the leaves, and the
// way down begins at the root.
absl::StatusOr<std::vector<Hash>> roots_of(NodeSource& source, const std::vector<Range>& ranges) {
  std::vector<Hash> roots;
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    auto root = range_root(source, *range);
    if (!root.ok()) return root.status();
    roots.push_back(*root);
  }
  return roots;
}

// step_down replaces `node` by its child that holds leaf `index`, and returns the other child.
Range step_down(Range* node, uint64_t index) {
  const uint64_t split = node->split();
  if (index < split) {
    const Range right{split, node->end};
    node->end = split;
    return right;
  }
  const Range left{node->first, split};
  node->first = split;
  return left;
}

// Path is a way from a node up to the root of the tree: the index of the node and that of the last
// node on its level.
struct Path {
  uint64_t node = 0;
  uint64_t last = 0;

  void up() {
    node >>= 1;
    last >>= 1;
  }
  // is_right returns true when the node has a left sibling. The last node of a level is moved up to
  // the level where it has one.
  bool is_right() {
    if ((node & 1) == 0 && node != last) return false;
    while ((node & 1) == 0 && node != 0) up();
    return true;
  }
};

absl::Status broken(const char* what) { return absl::DataLossError(what); }

// verify_growth is verify_consistency for trees of which the older one has leaves and is the
// smaller one.
absl::Status verify_growth(const TreeHead& older, const TreeHead& newer,
                           absl::Span<const Hash> proof) {
  Path path{older.size - 1, newer.size - 1};
  while ((path.node & 1) != 0) path.up();
  // A complete subtree is the whole older tree, whose root the proof then leaves out.
  Hash old_root = older.root;
  if (!std::has_single_bit(older.size)) {
    if (proof.empty()) return broken("the consistency proof is too short");
    old_root = proof.front();
    proof.remove_prefix(1);
  }
  Hash new_root = old_root;
  for (const Hash& hash : proof) {
    if (path.last == 0) return broken("the consistency proof is too long");
    if (path.is_right()) {
      old_root = node_hash(hash, old_root);
      new_root = node_hash(hash, new_root);
    } else {
      new_root = node_hash(new_root, hash);
    }
    path.up();
  }
  if (path.last != 0) return broken("the consistency proof is too short");
  if (old_root != older.root) return broken("the consistency proof does not fit the older tree");
  if (new_root != newer.root) return broken("the consistency proof does not fit the newer tree");
  return absl::OkStatus();
}

}  // namespace

Hash merkle_leaf(std::string_view entry) { return sha256(std::string_view("\0", 1), entry); }

Hash empty_root() { return sha256({}); }

absl::StatusOr<Hash> tree_root(NodeSource& source, uint64_t size) {
  return range_root(source, {0, size});
}

absl::StatusOr<std::vector<Hash>> inclusion_proof(NodeSource& source, uint64_t index,
                                                  uint64_t size) {
  if (index >= size) return absl::InvalidArgumentError("the leaf is not in a tree of this size");
  std::vector<Range> siblings;
  Range node{0, size};
  while (node.size() > 1) siblings.push_back(step_down(&node, index));
  CHECK(node.first == index, node.first, index);
  return roots_of(source, siblings);
}

absl::StatusOr<std::vector<Hash>> consistency_proof(NodeSource& source, uint64_t old_size,
                                                    uint64_t size) {
  if (old_size > size) return absl::InvalidArgumentError("the older tree is the larger one");
  if (old_size == 0 || old_size == size) return std::vector<Hash>();
  std::vector<Range> ranges;
  Range node{0, size};
  while (node.end != old_size) ranges.push_back(step_down(&node, old_size - 1));
  CHECK(node.first < old_size, node.first, old_size);
  // The verifier knows the root of the older tree already.
  if (node.first != 0) ranges.push_back(node);
  return roots_of(source, ranges);
}

absl::Status verify_inclusion(const Hash& leaf, uint64_t index, const TreeHead& tree,
                              absl::Span<const Hash> proof) {
  if (index >= tree.size) return broken("the leaf is not in a tree of this size");
  Path path{index, tree.size - 1};
  Hash root = leaf;
  for (const Hash& hash : proof) {
    if (path.last == 0) return broken("the inclusion proof is too long");
    root = path.is_right() ? node_hash(hash, root) : node_hash(root, hash);
    path.up();
  }
  if (path.last != 0) return broken("the inclusion proof is too short");
  if (root != tree.root) return broken("the inclusion proof does not lead to the root of the tree");
  return absl::OkStatus();
}

absl::Status verify_consistency(const TreeHead& older, const TreeHead& newer,
                                absl::Span<const Hash> proof) {
  if (older.size > newer.size) return broken("the older tree is the larger one");
  if (older.size == 0 && older.root != empty_root())
    return broken("a tree without leaves has another root");
  if (older.size != 0 && older.size < newer.size) return verify_growth(older, newer, proof);
  if (!proof.empty()) return broken("the consistency proof is too long");
  if (older.size == newer.size && older.root != newer.root)
    return broken("two trees of one size have different roots");
  return absl::OkStatus();
}

}  // namespace gatetape
