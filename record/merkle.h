// CompactRange: the RFC 6962 Merkle tree of a growing list of leaves, kept as its peaks: the roots
// of the complete subtrees that the list splits into, largest first. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape {

class CompactRange {
 public:
  CompactRange() = default;
  // from_peaks takes the range over `size` leaves; INVALID_ARGUMENT when the number of peaks is not
  // the number of one bits of `size`.
  static absl::StatusOr<CompactRange> from_peaks(uint64_t size, std::vector<Hash> peaks);

  // append adds one leaf hash.
  void append(const Hash& leaf);
  // root gives the RFC 6962 tree head; SHA-256 of nothing when empty.
  Hash root() const;
  uint64_t size() const { return size_; }
  const std::vector<Hash>& peaks() const { return peaks_; }

 private:
  uint64_t size_ = 0;
  std::vector<Hash> peaks_;
};

}  // namespace gatetape
