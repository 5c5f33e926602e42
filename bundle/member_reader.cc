#include "bundle/member_reader.h"

#include <algorithm>

#include "base/check.h"

namespace gatetape {

// Bytes that are read at once, so that small frames do not cost a read each.
constexpr size_t kPieceBytes = size_t{1} << 20;

absl::StatusOr<std::string_view> MemberReader::peek(size_t count) {
  while (buffer_.size() - taken_ < count && unread_ > 0) {
    const auto piece_bytes = static_cast<size_t>(std::min<uint64_t>(unread_, kPieceBytes));
    const auto piece = source_.read_at(at_, piece_bytes);
    if (!piece.ok()) return piece.status();
    sum_.add(*piece);
    buffer_.erase(0, taken_);
    taken_ = 0;
    buffer_ += *piece;
    at_ += piece_bytes;
    unread_ -= piece_bytes;
  }
  return std::string_view(buffer_).substr(taken_, count);
}

void MemberReader::skip(size_t count) {
  CHECK(count <= buffer_.size() - taken_, count, buffer_.size(), taken_);
  taken_ += count;
}

absl::StatusOr<Hash> MemberReader::finish() {
  while (unread_ > 0) {
    taken_ = buffer_.size();
    if (const auto piece = peek(1); !piece.ok()) return piece.status();
  }
  taken_ = buffer_.size();
  return sum_.finish();
}

}  // namespace gatetape
