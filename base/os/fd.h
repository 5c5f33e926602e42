// Fd: the owner of one file descriptor. It can be moved but not copied. One thread at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace gatetape {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  // get returns the descriptor, or -1 when there is none.
  int get() const { return fd_; }
  // release returns the descriptor, which the caller owns from now on.
  int release() { return std::exchange(fd_, -1); }
  // reset closes the descriptor now.
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace gatetape
