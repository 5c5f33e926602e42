#include "gateway/ssh/shim_io.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "gateway/ssh/byte_queue.h"

extern "C" {
// A type and functions of libssh 0.10 that its headers do not declare and its archive exports.
typedef struct ssh_socket_struct* ssh_socket;
int ssh_socket_get_fd(ssh_socket socket);
void ssh_socket_set_write_wontblock(ssh_socket socket);
int ssh_socket_nonblocking_flush(ssh_socket socket);
int __real_ssh_socket_write(ssh_socket socket, const void* buffer, uint32_t size);
void __real_ssh_socket_close(ssh_socket socket);
ssize_t __real_recv(int fd, void* buffer, size_t size, int flags);
ssize_t __real_send(int fd, const void* buffer, size_t size, int flags);
int __real_poll(struct pollfd* fds, nfds_t count, int timeout_ms);
int __real_close(int fd);
}

namespace gatetape::gateway {
namespace {

// Size of the buffer of one recv from the kernel, in bytes. libssh itself reads 4096 bytes at a
// time.
constexpr size_t kReadAheadBytes = 128 * 1024;
// Bytes of a pipe that libssh wrote and nobody has read. At this limit a send writes less, and
// libssh reports a pending write.
constexpr size_t kPipeOutBytesMax = 1024 * 1024;
// Reads of one io_finish, so that a peer that keeps sending does not keep the loop busy.
constexpr int kDroppedReadsMax = 16;
// Size of the table of descriptors. Sockets with a higher number work without read-ahead, and no
// pipe is made for them.
constexpr int kDescriptorsMax = 65536;

// Pipe holds both directions of a connection in memory, as libssh sees them.
struct Pipe {
  ByteQueue in;
  ByteQueue out;
  bool in_ended = false;
};

// Attached is one attached descriptor: a pipe, or a socket with its read-ahead buffer.
struct Attached {
  std::unique_ptr<Pipe> pipe;
  bool closed = false;       // libssh has closed the descriptor, which stays open
  bool writable = false;     // the kernel reported it and accepted every send since
  std::optional<int> end;    // errno of the socket's last recv; 0 at the end of its stream
  int broken = 0;            // errno of a send that failed
  bool ends_output = false;  // `last` accepts what the kernel does not
  bool handling = false;     // libssh handles the bytes of its last recv
  bool corked = false;       // a send writes nothing now: libssh keeps the bytes
  bool is_mute = false;      // nothing that libssh writes is sent any more
  ByteQueue last;
  std::unique_ptr<char[]> ahead;
  size_t start = 0;
  size_t count = 0;

  bool readable() const {
    if (closed) return false;
    return pipe != nullptr ? pipe->in.size() > 0 || pipe->in_ended : count > 0;
  }
};

// The index is the descriptor, because recv and send have no other argument that identifies the
// connection. One thread at a time uses an entry.
std::array<std::atomic<Attached*>, kDescriptorsMax> table;
// One read-ahead buffer per thread is kept for the next socket, so that a busy loop does not
// allocate.
thread_local std::unique_ptr<char[]> spare;
thread_local bool paused = false;  // an IoPause exists

Attached* find(int fd) {
  return fd >= 0 && fd < kDescriptorsMax ? table[static_cast<size_t>(fd)].load() : nullptr;
}

Pipe& pipe_of(int fd) {
  Attached* attached = find(fd);
  CHECK(attached != nullptr && attached->pipe != nullptr, fd);
  return *attached->pipe;
}

void attach(int fd, std::unique_ptr<Attached> attached) {
  CHECK(find(fd) == nullptr, fd);
  table[static_cast<size_t>(fd)].store(attached.release());
}

// fill reads from the kernel once, unless there are buffered bytes or the stream has ended.
void fill(int fd, Attached* socket) {
  CHECK(socket->pipe == nullptr, fd);
  CHECK((socket->ahead == nullptr) == (socket->count == 0), fd, socket->count);
  if (socket->count > 0 || socket->end.has_value()) return;
  std::unique_ptr<char[]> buffer = std::move(spare);
  if (buffer == nullptr) buffer.reset(new char[kReadAheadBytes]);
  const ssize_t got = __real_recv(fd, buffer.get(), kReadAheadBytes, MSG_DONTWAIT);
  if (got > 0) {
    CHECK(socket->ahead == nullptr, fd);
    socket->ahead = std::move(buffer);
    socket->start = 0;
    socket->count = static_cast<size_t>(got);
    return;
  }
  if (got == 0) {
    socket->end = 0;
  } else if (errno != EAGAIN && errno != EINTR) {
    socket->end = errno;
  } else if (socket->broken != 0) {
    socket->end = socket->broken;
  }
  spare = std::move(buffer);
}

ssize_t fail(int error) {
  errno = error;
  return -1;
}

ssize_t take(Attached* socket, char* buffer, size_t size) {
  if (socket->count == 0) {
    if (!socket->end.has_value()) return fail(EAGAIN);
    return *socket->end == 0 ? 0 : fail(*socket->end);
  }
  const size_t taken = std::min(size, socket->count);
  memcpy(buffer, socket->ahead.get() + socket->start, taken);
  socket->start += taken;
  socket->count -= taken;
  CHECK(socket->start + socket->count <= kReadAheadBytes, socket->start, socket->count);
  if (socket->count == 0) spare = std::move(socket->ahead);
  return static_cast<ssize_t>(taken);
}

ssize_t take(Pipe* pipe, char* buffer, size_t size) {
  const size_t taken = std::min(size, pipe->in.size());
  if (taken == 0) return pipe->in_ended ? 0 : fail(EAGAIN);
  memcpy(buffer, pipe->in.view().data(), taken);
  pipe->in.pop(taken);
  return static_cast<ssize_t>(taken);
}

// socket_events returns the revents of an attached socket. It calls the kernel only when the known
// state does not answer, because libssh polls before every read and write.
short socket_events(int fd, Attached* socket, short wanted) {
  short events = 0;
  if ((wanted & POLLOUT) != 0 && !socket->writable) {
    pollfd asked = {fd, POLLOUT, 0};
    if (__real_poll(&asked, 1, 0) > 0) {
      if ((asked.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return asked.revents;
      socket->writable = true;
    }
  }
  if ((wanted & POLLOUT) != 0 && socket->writable) events |= POLLOUT;
  if ((wanted & POLLIN) != 0) {
    fill(fd, socket);
    if (socket->count > 0 || socket->end.has_value()) events |= POLLIN;
  }
  return events;
}

// send_last sends what libssh left. It returns true when all of it is sent.
bool send_last(int fd, Attached* socket) {
  while (socket->last.size() > 0) {
    const std::string_view rest = socket->last.view();
    const ssize_t sent = __real_send(fd, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) socket->broken = errno;
    if (sent <= 0) return false;
    socket->last.pop(static_cast<size_t>(sent));
  }
  return true;
}

short pipe_events(const Attached& attached, short wanted) {
  short events = 0;
  if ((wanted & POLLIN) != 0 && attached.readable()) events |= POLLIN;
  if ((wanted & POLLOUT) != 0 && attached.pipe->out.size() < kPipeOutBytesMax) events |= POLLOUT;
  return events;
}

}  // namespace

std::optional<int> io_end(int fd) {
  const Attached* attached = find(fd);
  if (attached == nullptr) return std::nullopt;
  if (attached->pipe == nullptr) return attached->end;
  return attached->pipe->in_ended ? std::optional<int>(0) : std::nullopt;
}

void io_end_output(int fd) {
  Attached* attached = find(fd);
  if (attached != nullptr) attached->ends_output = true;
}

void io_mute(int fd) {
  Attached* attached = find(fd);
  if (attached == nullptr) return;
  CHECK(attached->ends_output, fd);
  attached->is_mute = true;
}

bool io_unsent(int fd) {
  const Attached* attached = find(fd);
  return attached != nullptr && attached->last.size() > 0;
}

bool io_finish(int fd) {
  Attached* attached = find(fd);
  if (attached == nullptr || attached->pipe != nullptr) return true;
  CHECK(attached->ends_output || attached->last.size() == 0, fd);
  if (!send_last(fd, attached)) return attached->broken != 0;
  shutdown(fd, SHUT_WR);
  if (attached->end.has_value()) return true;
  std::array<char, 4096> dropped{};
  for (int i = 0; i < kDroppedReadsMax; i++) {
    const ssize_t got = __real_recv(fd, dropped.data(), dropped.size(), MSG_DONTWAIT);
    if (got <= 0) return got == 0 || (errno != EAGAIN && errno != EINTR);
  }
  return false;
}

void io_attach(int fd) {
  if (fd < kDescriptorsMax) attach(fd, std::make_unique<Attached>());
}

int io_make_pipe() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd >= kDescriptorsMax) {
    __real_close(fd);
    return -1;
  }
  if (fd < 0) return -1;
  auto attached = std::make_unique<Attached>();
  attached->pipe = std::make_unique<Pipe>();
  attach(fd, std::move(attached));
  return fd;
}

void io_detach(int fd) {
  const std::unique_ptr<Attached> attached(find(fd));
  if (attached == nullptr) return;
  table[static_cast<size_t>(fd)].store(nullptr);
  __real_close(fd);
}

bool io_readable(int fd) {
  const Attached* attached = find(fd);
  return attached != nullptr && attached->readable();
}

IoPause::IoPause() {
  CHECK(!paused);
  paused = true;
}

IoPause::~IoPause() { paused = false; }

void pipe_feed(int fd, std::string_view bytes) {
  Pipe& pipe = pipe_of(fd);
  CHECK(!pipe.in_ended, fd, bytes.size());
  pipe.in.push(bytes);
}

void pipe_feed_eof(int fd) {
  Pipe& pipe = pipe_of(fd);
  CHECK(!pipe.in_ended, fd);
  pipe.in_ended = true;
}

size_t pipe_pending_in(int fd) { return pipe_of(fd).in.size(); }

std::string_view pipe_out(int fd) { return pipe_of(fd).out.view(); }

void pipe_pop(int fd, size_t count) { pipe_of(fd).out.pop(count); }

bool pipe_has_room(int fd) { return pipe_of(fd).out.size() < kPipeOutBytesMax; }

}  // namespace gatetape::gateway

// The wrapped functions. The linker redirects all calls of the program's objects and archives to
// them, also those of libssh.
extern "C" {

using namespace gatetape::gateway;  // NOLINT: C linkage, this file's own namespace

ssize_t __wrap_recv(int fd, void* buffer, size_t size, int flags) {
  Attached* attached = find(fd);
  if (attached == nullptr) return __real_recv(fd, buffer, size, flags);
  if (attached->pipe != nullptr)
    return take(attached->pipe.get(), static_cast<char*>(buffer), size);
  fill(fd, attached);
  const ssize_t taken = take(attached, static_cast<char*>(buffer), size);
  attached->handling = taken > 0;
  return taken;
}

// The send never blocks. libssh interprets a result of 0 as "try again" and EAGAIN as the end of
// the connection. After a failed send libssh would drop the bytes that it has not read yet. So a
// failed send reports success, and a later read returns the error after these bytes.
ssize_t __wrap_send(int fd, const void* buffer, size_t size, int flags) {
  Attached* attached = find(fd);
  if (attached == nullptr) return __real_send(fd, buffer, size, flags);
  if (attached->is_mute) return static_cast<ssize_t>(size);
  if (attached->pipe != nullptr) {
    ByteQueue& out = attached->pipe->out;
    CHECK(attached->ends_output || out.size() <= kPipeOutBytesMax, fd, out.size());
    const size_t room = attached->ends_output ? size : kPipeOutBytesMax - out.size();
    const size_t sent = std::min(size, room);
    out.push({static_cast<const char*>(buffer), sent});
    return static_cast<ssize_t>(sent);
  }
  if (attached->ends_output) {
    attached->last.push({static_cast<const char*>(buffer), size});
    send_last(fd, attached);
    return static_cast<ssize_t>(size);
  }
  if (attached->corked) return 0;
  const ssize_t sent = __real_send(fd, buffer, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  attached->writable = sent >= 0 && static_cast<size_t>(sent) == size;
  if (sent >= 0) return sent;
  if (errno == EAGAIN) return 0;
  attached->broken = errno;
  return static_cast<ssize_t>(size);
}

int __wrap_poll(struct pollfd* fds, nfds_t count, int timeout_ms) {
  Attached* attached = count == 1 ? find(fds->fd) : nullptr;
  if (attached == nullptr) return __real_poll(fds, count, timeout_ms);
  fds->revents = 0;
  if (paused) return 0;
  attached->handling = false;
  fds->revents = attached->pipe != nullptr ? pipe_events(*attached, fds->events)
                                           : socket_events(fds->fd, attached, fds->events);
  if (fds->revents != 0) return 1;
  return timeout_ms == 0 || attached->pipe != nullptr ? 0 : __real_poll(fds, 1, timeout_ms);
}

int __wrap_close(int fd) {
  Attached* attached = find(fd);
  if (attached == nullptr) return __real_close(fd);
  if (attached->closed) return static_cast<int>(fail(EBADF));
  attached->closed = true;
  attached->ahead.reset();
  attached->count = 0;
  if (attached->pipe == nullptr && attached->last.size() == 0) shutdown(fd, SHUT_WR);
  return 0;
}

// libssh writes to its socket only when poll() has reported room since the last write. At the end
// of the output it must not keep anything.
//
// The packets that libssh sends while it handles received bytes wait in libssh for its next poll,
// and leave in one send. Otherwise the first of them would leave alone, and a client could receive
// our SSH_MSG_KEX_ECDH_REPLY without our SSH_MSG_NEWKEYS: plink does not send by itself what it has
// queued between the two, and waits for a packet that we have no reason to send.
int __wrap_ssh_socket_write(ssh_socket socket, const void* buffer, uint32_t size) {
  Attached* attached = find(ssh_socket_get_fd(socket));
  if (attached == nullptr) return __real_ssh_socket_write(socket, buffer, size);
  if (attached->ends_output) ssh_socket_set_write_wontblock(socket);
  attached->corked = attached->handling;
  const int rc = __real_ssh_socket_write(socket, buffer, size);
  attached->corked = false;
  return rc;
}

void __wrap_ssh_socket_close(ssh_socket socket) {
  Attached* attached = find(ssh_socket_get_fd(socket));
  if (attached != nullptr && !attached->closed) {
    attached->ends_output = true;
    ssh_socket_set_write_wontblock(socket);
    ssh_socket_nonblocking_flush(socket);
  }
  __real_ssh_socket_close(socket);
}

}  // extern "C"
