// CheckedTree: the tree of the log, computed again from its leaves, with the subtrees that log_node
// stores. Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "record/merkle.h"

namespace gatetape::auditd {

class CheckedTree {
 public:
  void append(const Hash& leaf);
  uint64_t size() const { return tree_.size(); }
  Hash root() const { return tree_.root(); }

  // check_node compares a row of log_node, in the order of level and node_index. It returns what is
  // wrong; an empty text when nothing is.
  std::string check_node(int64_t level, int64_t index, std::string_view hash);
  // missing_nodes returns a line for each subtree whose row check_node was not called for.
  std::vector<std::string> missing_nodes() const;

 private:
  static constexpr size_t kLevels = 7;     // of log_node
  static constexpr uint64_t kWidth = 256;  // children of a subtree
  struct Level {
    CompactRange children;     // of the subtree that is not complete
    std::vector<Hash> hashes;  // of the complete ones: 32 bytes for 256 of the level below
    std::vector<bool> seen;    // rows that were compared
  };

  CompactRange tree_;
  std::array<Level, kLevels> levels_;
};

}  // namespace gatetape::auditd
