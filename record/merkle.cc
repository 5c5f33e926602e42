#include "record/merkle.h"

#include <bit>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace gatetape {

Hash node_hash(const Hash& left, const Hash& right) {
  return sha256(std::string_view("\1", 1), view(left), view(right));
}

absl::StatusOr<CompactRange> CompactRange::from_peaks(uint64_t size, std::vector<Hash> peaks) {
  if (static_cast<size_t>(std::popcount(size)) != peaks.size())
    return absl::InvalidArgumentError("the number of peaks does not fit the size");
  CompactRange range;
  range.size_ = size;
  range.peaks_ = std::move(peaks);
  return range;
}

void CompactRange::append(const Hash& leaf) {
  Hash node = leaf;
  for (uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    node = node_hash(peaks_.back(), node);
    peaks_.pop_back();
  }
  peaks_.push_back(node);
  size_++;
  CHECK(static_cast<size_t>(std::popcount(size_)) == peaks_.size(), size_, peaks_.size());
}

Hash CompactRange::root() const {
  if (peaks_.empty()) return sha256({});
  Hash node = peaks_.back();
  for (size_t i = peaks_.size() - 1; i-- > 0;) node = node_hash(peaks_[i], node);
  return node;
}

}  // namespace gatetape
