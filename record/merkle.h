// CompactRange: an RFC 6962 Merkle tree to which leaves are appended. It keeps the peaks alone: the
// roots of the complete subtrees of the list, the largest first. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape {

// node_hash returns the hash of the inner node over two subtrees.
Hash node_hash(const Hash& left, const Hash& right);

class CompactRange {
 public:
  CompactRange() = default;
  // from_peaks returns the range over `size` leaves. It fails with INVALID_ARGUMENT when the number
  // of peaks differs from the number of one bits of `size`.
  static absl::StatusOr<CompactRange> from_peaks(uint64_t size, std::vector<Hash> peaks);

  // append adds one leaf hash.
  void append(const Hash& leaf);
  // root returns the RFC 6962 tree head. Without leaves it is SHA-256 of no bytes.
  Hash root() const;
  uint64_t size() const { return size_; }
  const std::vector<Hash>& peaks() const { return peaks_; }

 private:
  uint64_t size_ = 0;
  std::vector<Hash> peaks_;
};

}  // namespace gatetape
