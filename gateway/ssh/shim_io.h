// ssh_shim_io: replaces recv, send, poll and close, as libssh calls them, for the descriptors that
// are attached here. An attached socket has a read-ahead buffer of 128 KiB. A pipe is a connection
// in memory, of which libssh has one end and the pipe_ functions are the other end; the inner
// connection of `ssh -J` uses one. Each attached descriptor belongs to one session loop, and only
// that thread may use it. Other descriptors behave as before.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace gatetape::gateway {

// io_attach starts the read-ahead of a non-blocking socket. Call it before the next epoll_wait.
// From then on the descriptor stays open until io_detach: when libssh closes it, only its output is
// ended, so that its number is not used again and the peer receives what libssh has sent.
// Descriptors of 65536 and above are not attached.
void io_attach(int fd);
// io_make_pipe returns the attached descriptor of a new pipe, for ssh_bind_accept_fd, or -1 when
// the process has no descriptor left. The kernel never sees its bytes, so epoll reports no events.
int io_make_pipe();
// io_detach closes an attached descriptor and frees its buffers. Call it once, after ssh_free and
// after Loop::unwatch. It ignores a descriptor that is not attached.
void io_detach(int fd);
// io_readable returns true when libssh can read bytes of the read-ahead buffer, or bytes or the end
// of a pipe. epoll does not report these. Check it after every pump, and pump again while it is
// true (not at once, for fairness).
bool io_readable(int fd);

// io_end returns how the peer's stream has ended, as far as libssh has read it: 0 for an orderly
// end, an errno for a broken one, nothing while it goes on.
std::optional<int> io_end(int fd);

// The orderly end of a connection. io_end_output makes the shim take over what libssh writes from
// now on and what still waits in libssh: without it, libssh drops these bytes when it closes the
// socket. It happens by itself when libssh closes the socket. Then io_finish is called until it
// returns true, or as long as the caller has patience: it sends the bytes, ends our stream, and
// drops what the peer still sends, because close() with unread bytes in the socket sends a TCP RST,
// by which the peer may lose the last bytes. It never blocks. io_unsent returns true while bytes
// wait for room in the socket.
// io_mute makes the shim drop what libssh writes from now on, such as the close of channels that
// are freed behind SSH_MSG_DISCONNECT, after which nothing may be sent (RFC 4253 section 11.1).
void io_end_output(int fd);
void io_mute(int fd);
bool io_finish(int fd);
bool io_unsent(int fd);

// IoPause makes poll report nothing about the attached descriptors of its thread while it exists,
// so that no function of libssh reads them. One at a time per thread.
class IoPause {
 public:
  IoPause();
  ~IoPause();
  IoPause(const IoPause&) = delete;
  IoPause& operator=(const IoPause&) = delete;
};

// pipe_feed writes bytes for libssh to read. The caller limits them by pipe_pending_in.
void pipe_feed(int fd, std::string_view bytes);
// pipe_feed_eof writes the end of the stream after the bytes that were fed.
void pipe_feed_eof(int fd);
// pipe_pending_in returns the number of fed bytes that libssh has not read yet.
size_t pipe_pending_in(int fd);
// pipe_out returns the bytes that libssh wrote and pipe_pop has not dropped. The view is valid
// until the next call of libssh or pipe_pop. The bytes stay readable after libssh has closed the
// pipe.
std::string_view pipe_out(int fd);
// pipe_pop drops the first `count` bytes of pipe_out.
void pipe_pop(int fd, size_t count);
// pipe_has_room returns true when libssh can write to the pipe, which holds 1 MiB. When pipe_pop
// has made room, pump the session while it has SSH_WRITE_PENDING, because epoll does not report
// room.
bool pipe_has_room(int fd);

}  // namespace gatetape::gateway
