// LogTree: the tree of the log while leaves are appended. Unlike CompactRange it also returns the
// inner nodes that log_node stores. Pure; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "log/proof.h"

namespace gatetape::auditd {

// LogNode is the root of a complete subtree of 256^level leaves, level 1 or above.
struct LogNode {
  uint32_t level = 0;
  uint64_t index = 0;
  Hash hash{};
};

class LogTree {
 public:
  // read returns the tree of the first `size` leaves. It fails only as `source` does.
  static absl::StatusOr<LogTree> read(NodeSource& source, uint64_t size);

  // append adds one leaf hash, and to `nodes` each subtree of 256^level leaves that it completes.
  void append(const Hash& leaf, std::vector<LogNode>* nodes);
  uint64_t size() const { return size_; }
  TreeHead head() const;

 private:
  uint64_t size_ = 0;
  std::vector<Hash> peaks_;  // roots of the complete subtrees, the largest first
};

}  // namespace gatetape::auditd
