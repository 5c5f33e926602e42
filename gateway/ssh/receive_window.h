// ReceiveWindow: when the flow-control window of one channel is opened again, so that its peer may
// send more (RFC 4254 section 5.2). libssh alone waits until half of its 1.25 MiB is used. OpenSSH
// does it after three packets of the largest size, and so does this: clients were seen that stand
// still until they receive a packet. The owner of the channel owns it; session loop only.
#pragma once

#include <libssh/libssh.h>

#include <cstddef>

#include "base/check.h"
#include "gateway/ssh/shim.h"

namespace gatetape::gateway {

class ReceiveWindow {
 public:
  // Bytes that libssh has handed over since the window was opened last. Above this limit it is
  // opened again: three packets of libssh's largest size, which is that of OpenSSH too.
  static constexpr size_t kTakenBytesMax = size_t{3} * 32768;

  // on_taken counts bytes that libssh does not hold any more.
  void on_taken(size_t bytes) { taken_bytes_ += bytes; }
  // open opens the window when its time has come. Do not call it inside a callback of libssh. While
  // libssh holds bytes the window stays as it is, which bounds the memory of a channel.
  void open(ssh_channel channel) {
    if (taken_bytes_ <= kTakenBytesMax) return;
    taken_bytes_ = 0;
    open_window(channel);
    CHECK(taken_bytes_ == 0, taken_bytes_);  // open_window calls no callback
  }

 private:
  size_t taken_bytes_ = 0;
};

}  // namespace gatetape::gateway
