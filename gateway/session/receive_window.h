// ReceiveWindow: the flow-control window that one end of a channel gives to its peer (RFC 4254
// section 5.2): how many bytes the peer may still send, and when the window is opened again. It
// begins small and doubles each time, so that channels that carry little promise little memory.
// OpenSSH opens a window after three packets of the largest size, and so does this: clients were
// seen that stand still until they receive a packet. Pure; the owner of the channel owns it,
// session loop only.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace gatetape::gateway {

class ReceiveWindow {
 public:
  // Bytes taken since the window was opened last. Above this limit it is opened again: three
  // packets of libssh's largest size, which is that of OpenSSH too.
  static constexpr size_t kTakenBytesMax = size_t{3} * 32768;
  // Bytes by which a peer may exceed its window in all. One byte more is misuse. A peer that
  // follows RFC 4254 never does it; OpenSSH allows a tenth of its window of 2 MiB.
  static constexpr size_t kExcessBytesMax = size_t{64} << 10;

  // `open_bytes` is the window that the channel was opened with.
  explicit ReceiveWindow(size_t open_bytes) : open_bytes_(open_bytes), size_bytes_(open_bytes) {}

  // on_received counts bytes that the peer sent. It returns false when the peer has sent more than
  // the window allows.
  bool on_received(size_t bytes) {
    const size_t allowed = std::min(bytes, open_bytes_);
    open_bytes_ -= allowed;
    excess_bytes_ += bytes - allowed;
    return excess_bytes_ <= kExcessBytesMax;
  }
  // on_taken counts bytes that the SSH library does not hold any more.
  void on_taken(size_t bytes) { taken_bytes_ += bytes; }
  // due returns by how many bytes the window should be opened now so that it has `size` bytes; 0
  // when its time has not come. Call it only while the SSH library holds no bytes of the peer.
  size_t due(size_t size) const {
    const bool is_time = taken_bytes_ > kTakenBytesMax || open_bytes_ < size / 2;
    return taken_bytes_ > 0 && is_time && size > open_bytes_ ? size - open_bytes_ : 0;
  }
  // on_opened counts that the peer was told of `bytes` more.
  void on_opened(size_t bytes) {
    CHECK(taken_bytes_ > 0, bytes);
    taken_bytes_ = 0;
    open_bytes_ += bytes;
    size_bytes_ = open_bytes_;
  }
  // open_bytes returns how many bytes the peer may still send.
  size_t open_bytes() const { return open_bytes_; }
  // size_bytes returns the size to which the window was opened last.
  size_t size_bytes() const { return size_bytes_; }

 private:
  size_t open_bytes_;
  size_t size_bytes_;
  size_t taken_bytes_ = 0;
  size_t excess_bytes_ = 0;
};

// WindowSizes are the limits of a receive window, in bytes.
struct WindowSizes {
  // The window under pressure, or above the user's fair share; and the first step of its growth.
  // Two packets of the largest size still flow without a pause.
  size_t min_bytes = size_t{64} << 10;
  // The largest window: libssh's own. It bounds one channel to 25 MB/s at a round trip of 50 ms.
  size_t max_bytes = 1280000;

  // next returns the size to which a window grows when nothing forbids it.
  size_t next(const ReceiveWindow& window) const {
    return std::clamp(2 * window.size_bytes(), min_bytes, max_bytes);
  }
};

}  // namespace gatetape::gateway
