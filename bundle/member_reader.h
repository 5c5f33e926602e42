// MemberReader: reads the content of one member from its beginning to its end, in pieces, and
// hashes it. Its memory does not grow with the member. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "base/read_at.h"

namespace gatetape {

class MemberReader {
 public:
  // The member is the `size` bytes of `source` from `offset` on. The source outlives the reader.
  MemberReader(const ReadAt& source, uint64_t offset, uint64_t size)
      : source_(source), at_(offset), unread_(size) {}

  // peek returns the next `count` bytes, or all when fewer are left. It fails as the source does.
  // The view is valid until the next call.
  absl::StatusOr<std::string_view> peek(size_t count);
  // skip passes over bytes that peek has returned.
  void skip(size_t count);
  bool at_end() const { return unread_ == 0 && taken_ == buffer_.size(); }
  // finish reads what is left, and returns the hash of the whole member.
  absl::StatusOr<Hash> finish();

 private:
  const ReadAt& source_;
  uint64_t at_;
  uint64_t unread_;  // bytes that are not in the buffer yet
  std::string buffer_;
  size_t taken_ = 0;  // bytes of the buffer that were skipped
  Sha256Sum sum_;
};

}  // namespace gatetape
