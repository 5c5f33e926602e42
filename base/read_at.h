// ReadAt: bytes of a known size that can be read at any place, such as a file. Its readers need no
// more memory than what they ask for. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

class ReadAt {
 public:
  virtual ~ReadAt() = default;
  virtual uint64_t size() const = 0;
  // read_at returns `count` bytes from `offset` on. It fails with OUT_OF_RANGE when the bytes end
  // before, and otherwise as the source of the bytes does.
  virtual absl::StatusOr<std::string> read_at(uint64_t offset, size_t count) const = 0;
};

// TextSource reads bytes in memory, which it does not own.
class TextSource : public ReadAt {
 public:
  explicit TextSource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  absl::StatusOr<std::string> read_at(uint64_t offset, size_t count) const override {
    if (offset > bytes_.size() || count > bytes_.size() - offset)
      return absl::OutOfRangeError("the bytes end too early");
    return std::string(bytes_.substr(offset, count));
  }

 private:
  std::string_view bytes_;
};

}  // namespace gatetape
