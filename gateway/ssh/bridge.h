// Bridge: carries the inner SSH connection of `ssh -J` between the outer connection's direct-tcpip
// channel and the inner server's hop (gateway/ssh/shim_io.h). No bytes of it are recorded: they are
// ciphertext that ends inside this process. Owned by the outer connection; session loop only.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "gateway/ssh/peer.h"

namespace gatetape::gateway {

class Bridge {
 public:
  // Takes an accepted channel of `outer` and the descriptor of the inner server's hop.
  Bridge(Loop& loop, Member* outer_member, SshPeer& outer, ssh_channel channel, int hop);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // set_inner names the inner connection; nullptr when it is gone (after its last bytes were
  // flushed).
  void set_inner(Member* inner) { inner_ = inner; }
  Member* inner() const { return inner_; }
  // on_inner_activity says that the inner connection may have written.
  void on_inner_activity() { loop_.mark(outer_member_); }
  // flush moves bytes both ways.
  void flush();
  // drained tells whether the inner connection's bytes have all left.
  bool drained() const { return closed_ || hop_out(hop_).empty(); }
  bool finished() const { return finished_; }
  // overrun tells whether the client sent more than the window it was given: libssh keeps it all.
  bool overrun() const { return overrun_; }
  bool is(ssh_channel handle) const { return handle == channel_; }

 private:
  static int on_data(ssh_session, ssh_channel, void* bytes, uint32_t count, int, void* bridge);
  static void on_eof(ssh_session, ssh_channel, void* bridge);
  static void on_close(ssh_session, ssh_channel, void* bridge);
  void to_inner();
  void to_outer();

  Loop& loop_;
  Member* const outer_member_;
  SshPeer& outer_;
  ssh_channel channel_;
  const int hop_;
  Member* inner_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
  bool held_ = false;  // libssh keeps bytes that the hop had no room for
  bool eof_ = false;   // the client's
  bool eof_fed_ = false;
  bool closed_ = false;  // the channel takes nothing more
  bool close_sent_ = false;
  bool close_seen_ = false;
  bool overrun_ = false;
  bool finished_ = false;
};

}  // namespace gatetape::gateway
