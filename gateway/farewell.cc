#include "gateway/farewell.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/bytes.h"

namespace gatetape::gateway {
namespace {

// Time until a client that stays is closed, in nanoseconds. One round trip is enough for a client
// that reads the reason.
constexpr int64_t kPatienceNs = 1'000'000'000;
constexpr std::string_view kIdentification = "SSH-2.0-gatetape\r\n";
constexpr uint8_t kDisconnect = 1;            // SSH_MSG_DISCONNECT
constexpr uint32_t kTooManyConnections = 12;  // SSH_DISCONNECT_TOO_MANY_CONNECTIONS
constexpr size_t kBlockBytes = 8;
constexpr size_t kPaddingBytesMin = 4;
constexpr size_t kHeaderBytes = 5;  // the fields packet_length and padding_length

}  // namespace

Farewell::Farewell(Loop& loop, int fd, std::string_view why, std::function<void()> on_closed)
    : loop_(loop),
      fd_(fd),
      on_closed_(std::move(on_closed)),
      until_ns_(loop.clock().mono_ns() + kPatienceNs) {
  const std::string bytes = text(why);
  send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  loop_.watch(fd_, EPOLLIN, this);
}

Farewell::~Farewell() {
  loop_.unwatch(fd_);
  close(fd_);
  on_closed_();
}

void Farewell::on_ready(uint32_t) {
  std::array<char, 4096> dropped{};
  const ssize_t bytes = recv(fd_, dropped.data(), dropped.size(), 0);
  if (bytes > 0 || (bytes < 0 && errno == EAGAIN)) return;
  over_ = true;
  loop_.mark(this);
}

void Farewell::on_tick(int64_t mono_ns) {
  if (mono_ns < until_ns_) return;
  over_ = true;
  loop_.mark(this);
}

std::string Farewell::text(std::string_view why) {
  std::string payload;
  put_u8(&payload, kDisconnect);
  put_u32(&payload, kTooManyConnections);
  put_string(&payload, why);
  put_string(&payload, "");  // language tag
  const size_t least = kHeaderBytes + payload.size() + kPaddingBytesMin;
  const size_t whole = (least + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  const size_t padding = whole - kHeaderBytes - payload.size();
  std::string out(kIdentification);
  put_u32(&out, static_cast<uint32_t>(whole - sizeof(uint32_t)));
  put_u8(&out, static_cast<uint8_t>(padding));
  out += payload;
  out.append(padding, '\0');
  return out;
}

}  // namespace gatetape::gateway
