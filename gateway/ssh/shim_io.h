// ssh_shim_io: what libssh's recv, send, poll and close do for the descriptors attached here:
// sockets get a read-ahead of 128 KiB, hops (the inner connection of `ssh -J`) are two strings in
// memory. Each attached descriptor belongs to one session loop, the only thread that may name it;
// other descriptors are untouched.
#pragma once

#include <cstddef>
#include <string_view>

namespace gatetape::gateway {

// io_attach turns the read-ahead on for a non-blocking socket; at the latest before epoll is asked
// again. From then on the number stays taken until io_detach: when libssh closes the descriptor,
// that only shuts the socket down. Descriptors of 65536 and above are left as they are.
void io_attach(int fd);
// io_make_hop gives a new attached descriptor without a peer, for ssh_bind_accept_fd; -1 when the
// process has no descriptor left. Nothing is ever read from or written to it in the kernel: no
// epoll.
int io_make_hop();
// io_detach closes an attached descriptor and forgets its buffers; call it once, after ssh_free and
// after epoll was told. Nothing happens to a descriptor that is not attached.
void io_detach(int fd);
// io_readable tells whether libssh would get bytes, or the end of a hop's stream, without the
// kernel: epoll says nothing of those. After every pump ask, and pump again (later, to be fair)
// while it is true.
bool io_readable(int fd);

// hop_feed appends bytes for libssh to read. Bound it by hop_pending_in.
void hop_feed(int fd, std::string_view bytes);
// hop_feed_eof ends the stream that libssh reads, after what was fed.
void hop_feed_eof(int fd);
// hop_pending_in gives how many fed bytes libssh has not read yet.
size_t hop_pending_in(int fd);
// hop_out gives what libssh wrote and nobody took yet; the view lives until libssh is called again,
// or hop_pop. It remains readable after libssh closed the hop.
std::string_view hop_out(int fd);
// hop_pop drops the first `count` bytes of hop_out.
void hop_pop(int fd, size_t count);
// hop_has_room tells whether libssh may write more (1 MiB waits at most, and one packet). When room
// came back by hop_pop, pump the session while it has SSH_WRITE_PENDING: no epoll will.
bool hop_has_room(int fd);

}  // namespace gatetape::gateway
