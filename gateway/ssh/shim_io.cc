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

extern "C" {
ssize_t __real_recv(int fd, void* buffer, size_t size, int flags);
ssize_t __real_send(int fd, const void* buffer, size_t size, int flags);
int __real_poll(struct pollfd* fds, nfds_t count, int timeout_ms);
int __real_close(int fd);
}

namespace gatetape::gateway {
namespace {

constexpr size_t kReadAheadBytes = 128 * 1024;
constexpr size_t kHopOutBytesMax = 1024 * 1024;
constexpr size_t kKeptBytesMax = 16 * 1024;  // capacity that an empty queue may keep
constexpr int kDescriptorsMax = 65536;

// ByteQueue is a string with a start; empty it holds next to no memory.
class ByteQueue {
 public:
  void push(std::string_view bytes) { bytes_.append(bytes); }
  std::string_view view() const { return std::string_view(bytes_).substr(start_); }
  size_t size() const { return bytes_.size() - start_; }
  void pop(size_t count) {
    start_ += count;
    if (start_ == bytes_.size()) {
      if (bytes_.capacity() > kKeptBytesMax) std::string().swap(bytes_);
      bytes_.clear();
      start_ = 0;
    } else if (start_ > kKeptBytesMax && start_ >= bytes_.size() / 2) {
      bytes_.erase(0, start_);
      start_ = 0;
    }
  }

 private:
  std::string bytes_;
  size_t start_ = 0;
};

// Hop: both directions of an inner connection, seen from libssh.
struct Hop {
  ByteQueue in;
  ByteQueue out;
  bool in_ended = false;
};

// Attached is one attached descriptor: a hop, or a socket with its read-ahead.
struct Attached {
  std::unique_ptr<Hop> hop;
  bool closed = false;     // libssh closed it; the number is still ours
  bool writable = false;   // the kernel said so, and took all since
  std::optional<int> end;  // errno of the socket's last recv, 0 for the end of its stream
  int broken = 0;          // errno of a send that failed
  std::unique_ptr<char[]> ahead;
  size_t start = 0;
  size_t count = 0;

  bool readable() const {
    if (closed) return false;
    return hop != nullptr ? hop->in.size() > 0 || hop->in_ended : count > 0;
  }
};

// By descriptor, since recv and its kin are told nothing else. Each entry is of one thread at a
// time.
std::array<std::atomic<Attached*>, kDescriptorsMax> table;
// One read-ahead buffer is kept for the next socket, so that a busy loop does not allocate.
thread_local std::unique_ptr<char[]> spare;

Attached* find(int fd) {
  return fd >= 0 && fd < kDescriptorsMax ? table[static_cast<size_t>(fd)].load() : nullptr;
}

Hop& hop_of(int fd) {
  Attached* attached = find(fd);
  CHECK(attached != nullptr && attached->hop != nullptr, fd);
  return *attached->hop;
}

void attach(int fd, std::unique_ptr<Attached> attached) {
  CHECK(find(fd) == nullptr, fd);
  table[static_cast<size_t>(fd)].store(attached.release());
}

// fill reads ahead once; afterwards there are bytes, an end, or nothing to read yet.
void fill(int fd, Attached* socket) {
  if (socket->count > 0 || socket->end.has_value()) return;
  std::unique_ptr<char[]> buffer = std::move(spare);
  if (buffer == nullptr) buffer.reset(new char[kReadAheadBytes]);
  const ssize_t got = __real_recv(fd, buffer.get(), kReadAheadBytes, MSG_DONTWAIT);
  if (got > 0) {
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
  if (socket->count == 0) spare = std::move(socket->ahead);
  return static_cast<ssize_t>(taken);
}

ssize_t take(Hop* hop, char* buffer, size_t size) {
  const size_t taken = std::min(size, hop->in.size());
  if (taken == 0) return hop->in_ended ? 0 : fail(EAGAIN);
  memcpy(buffer, hop->in.view().data(), taken);
  hop->in.pop(taken);
  return static_cast<ssize_t>(taken);
}

// socket_events gives the revents of an attached socket, asking the kernel as little as can be.
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

short hop_events(const Attached& attached, short wanted) {
  short events = 0;
  if ((wanted & POLLIN) != 0 && attached.readable()) events |= POLLIN;
  if ((wanted & POLLOUT) != 0 && attached.hop->out.size() < kHopOutBytesMax) events |= POLLOUT;
  return events;
}

}  // namespace

void io_attach(int fd) {
  if (fd < kDescriptorsMax) attach(fd, std::make_unique<Attached>());
}

int io_make_hop() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd >= kDescriptorsMax) {
    __real_close(fd);
    return -1;
  }
  if (fd < 0) return -1;
  auto attached = std::make_unique<Attached>();
  attached->hop = std::make_unique<Hop>();
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

void hop_feed(int fd, std::string_view bytes) { hop_of(fd).in.push(bytes); }

void hop_feed_eof(int fd) { hop_of(fd).in_ended = true; }

size_t hop_pending_in(int fd) { return hop_of(fd).in.size(); }

std::string_view hop_out(int fd) { return hop_of(fd).out.view(); }

void hop_pop(int fd, size_t count) {
  CHECK(count <= hop_of(fd).out.size(), count);
  hop_of(fd).out.pop(count);
}

bool hop_has_room(int fd) { return hop_of(fd).out.size() < kHopOutBytesMax; }

}  // namespace gatetape::gateway

// The wrapped functions: every static caller of the program, libssh among them, comes here.
extern "C" {

using namespace gatetape::gateway;  // NOLINT: C linkage, this file's own namespace

ssize_t __wrap_recv(int fd, void* buffer, size_t size, int flags) {
  Attached* attached = find(fd);
  if (attached == nullptr) return __real_recv(fd, buffer, size, flags);
  if (attached->hop != nullptr) return take(attached->hop.get(), static_cast<char*>(buffer), size);
  fill(fd, attached);
  return take(attached, static_cast<char*>(buffer), size);
}

// Never blocks: libssh takes 0 for "nothing yet" and EAGAIN for the end of the connection. After a
// failed send it would drop what the peer said before it went: reading finds the end instead.
ssize_t __wrap_send(int fd, const void* buffer, size_t size, int flags) {
  Attached* attached = find(fd);
  if (attached == nullptr) return __real_send(fd, buffer, size, flags);
  if (attached->hop != nullptr) {
    ByteQueue& out = attached->hop->out;
    const size_t sent = std::min(size, kHopOutBytesMax - out.size());
    out.push({static_cast<const char*>(buffer), sent});
    return static_cast<ssize_t>(sent);
  }
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
  fds->revents = attached->hop != nullptr ? hop_events(*attached, fds->events)
                                          : socket_events(fds->fd, attached, fds->events);
  if (fds->revents != 0) return 1;
  return timeout_ms == 0 || attached->hop != nullptr ? 0 : __real_poll(fds, 1, timeout_ms);
}

int __wrap_close(int fd) {
  Attached* attached = find(fd);
  if (attached == nullptr) return __real_close(fd);
  if (attached->closed) return static_cast<int>(fail(EBADF));
  attached->closed = true;
  attached->ahead.reset();
  attached->count = 0;
  if (attached->hop == nullptr) shutdown(fd, SHUT_RDWR);
  return 0;
}

}  // extern "C"
