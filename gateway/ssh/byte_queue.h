// ByteQueue: a queue of bytes. An empty queue holds little memory. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/check.h"

namespace gatetape::gateway {

class ByteQueue {
 public:
  void push(std::string_view bytes) { bytes_.append(bytes); }
  std::string_view view() const { return std::string_view(bytes_).substr(start_); }
  size_t size() const {
    CHECK(start_ <= bytes_.size(), start_, bytes_.size());
    return bytes_.size() - start_;
  }
  void pop(size_t count) {
    CHECK(count <= size(), count, size());
    start_ += count;
    if (start_ == bytes_.size()) {
      if (bytes_.capacity() > kKeptBytesMax) std::string().swap(bytes_);
      bytes_.clear();
      start_ = 0;
    } else if (start_ > kKeptBytesMax && start_ >= bytes_.size() / 2) {
      bytes_.erase(0, start_);
      start_ = 0;
    }
    CHECK(start_ < bytes_.size() || bytes_.empty(), start_, bytes_.size());
  }

 private:
  // Capacity in bytes that an empty queue keeps. A larger buffer is freed, so that idle connections
  // hold little memory.
  static constexpr size_t kKeptBytesMax = 16 * 1024;

  std::string bytes_;
  size_t start_ = 0;
};

}  // namespace gatetape::gateway
