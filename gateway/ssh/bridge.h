// Bridge: moves the bytes of the inner connection of `ssh -J` between the outer connection's
// direct-tcpip channel and the inner server's pipe (gateway/ssh/shim_io.h). These bytes are not
// recorded, because they are ciphertext that this process decrypts and records as the inner
// connection. The outer connection owns the bridge; session loop only.
//
// Legal transitions of Inbound, the bytes from the client:
//   kOpen -> kEnding: the client sent EOF or CLOSE, and bytes before it may still wait
//   kEnding -> kEnded: the inner server can read the end after the last byte
// Legal transitions of Outbound, the bytes to the client:
//   kOpen -> kBroken: libssh accepts no more bytes
//   kOpen -> kCloseSent: the inner connection has ended, and CLOSE was sent
//   kBroken, kCloseSent -> kFinished: the outer connection may destroy the bridge
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "base/check.h"
#include "gateway/session/memory_budget.h"
#include "gateway/ssh/peer.h"

namespace gatetape::gateway {

class Bridge {
 public:
  // The bridge owns `channel`, an accepted channel of `outer`. `pipe` is the descriptor of the
  // inner server's pipe, which the inner connection owns. `memory` is the user's account, which
  // outlives the bridge.
  Bridge(Loop& loop, Member* outer_member, SshPeer& outer, ssh_channel channel, int pipe,
         MemoryBudget::Account& memory);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // set_inner sets the inner connection, once, and nullptr when it is destroyed.
  void set_inner(Member* inner) {
    CHECK(inner == nullptr || inner_ == nullptr, pipe_);
    inner_ = inner;
  }
  Member* inner() const { return inner_; }
  // on_inner_activity makes the loop call flush, because the inner connection may have written.
  void on_inner_activity() { loop_.mark(outer_member_); }
  // flush writes the waiting bytes in both directions, as far as there is room.
  void flush();
  // drained returns true when no byte of the inner connection waits for the channel.
  bool drained() const { return outbound_ != Outbound::kOpen || pipe_out(pipe_).empty(); }
  bool finished() const { return outbound_ == Outbound::kFinished; }
  // overrun returns true when the client sent more bytes than the window allows. libssh does not
  // enforce the window and keeps all of them in memory.
  bool overrun() const { return overrun_; }
  bool is(ssh_channel handle) const { return handle == channel_; }

 private:
  enum class Inbound { kOpen, kEnding, kEnded };
  enum class Outbound { kOpen, kBroken, kCloseSent, kFinished };

  static int on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int, void* bridge);
  static void on_eof(ssh_session, ssh_channel, void* bridge);
  static void on_close(ssh_session, ssh_channel, void* bridge);
  void move_to(Inbound to);
  void move_to(Outbound to);
  void to_inner();
  void drain_held();
  size_t pipe_bytes_max() const;
  void open_window();
  void count_memory();
  void to_outer();

  Loop& loop_;
  Member* const outer_member_;
  SshPeer& outer_;
  ssh_channel channel_;
  const int pipe_;
  Member* inner_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
  Inbound inbound_ = Inbound::kOpen;
  Outbound outbound_ = Outbound::kOpen;
  MemoryBudget::Account& memory_;
  uint64_t counted_bytes_ = 0;  // of this bridge, in memory_
  ReceiveWindow window_;        // of the channel
  bool held_ = false;           // libssh keeps bytes, because the pipe was full
  size_t held_bytes_ = 0;       // how many
  bool close_seen_ = false;     // the client sent CLOSE
  bool overrun_ = false;
};

}  // namespace gatetape::gateway
