#include "gateway/reach/dialer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/os/net.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

}  // namespace

Dialer::Dialer(Loop& loop, Resolver& resolver, Done done)
    : loop_(loop), resolver_(resolver), done_(std::move(done)) {}

Dialer::~Dialer() { close_socket(); }

void Dialer::start(const HostPort& endpoint, uint32_t timeout_s) {
  CHECK(state_ == State::kIdle, static_cast<int>(state_));
  state_ = State::kResolving;
  timeout_s_ = timeout_s;
  deadline_ns_ = loop_.clock().mono_ns() + int64_t{timeout_s} * kSecondNs;
  resolver_.resolve(endpoint, loop_.guarded<Resolver::Answer>(
                                  guard_, [this](const Resolver::Answer& a) { on_resolved(a); }));
}

void Dialer::on_resolved(const Resolver::Answer& answer) {
  if (state_ == State::kDone) return;  // the time was over before the answer came
  CHECK(state_ == State::kResolving, static_cast<int>(state_));
  if (!answer.ok()) return finish(answer.status());
  addresses_ = *answer;
  state_ = State::kConnecting;
  try_next();
}

void Dialer::on_tick(int64_t mono_ns) {
  if (state_ == State::kIdle || state_ == State::kDone) return;
  if (mono_ns > deadline_ns_)
    return finish(absl::UnavailableError("no answer within " + std::to_string(timeout_s_) + " s"));
  if (state_ == State::kConnecting && mono_ns > try_until_ns_ && next_ < addresses_.size())
    try_next();
}

void Dialer::try_next() {
  CHECK(state_ == State::kConnecting, static_cast<int>(state_));
  close_socket();
  while (next_ < addresses_.size()) {
    const int64_t now_ns = loop_.clock().mono_ns();
    const auto left = static_cast<int64_t>(addresses_.size() - next_);
    try_until_ns_ = now_ns + (deadline_ns_ - now_ns) / left;
    if (connect_to(addresses_[next_++])) return;
  }
  finish(absl::UnavailableError(error_));
}

// connect_to returns false, and sets error_, when the address fails at once.
bool Dialer::connect_to(const SocketAddress& address) {
  CHECK(socket_.get() < 0, socket_.get());
  address_ = address.to_text();
  socket_ = Fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_.get() < 0) {
    error_ = std::string("socket: ") + std::strerror(errno);
    return false;
  }
  set_connection_options(socket_.get());
  if (connect(socket_.get(), address.name(), address.length) != 0 && errno != EINPROGRESS) {
    error_ = address_ + ": " + std::strerror(errno);
    socket_.reset();
    return false;
  }
  // The loop reports a socket that is connected already too.
  loop_.watch(socket_.get(), EPOLLOUT, this);
  return true;
}

// The loop calls this when connect() has finished, with or without success.
void Dialer::on_ready(uint32_t) {
  CHECK(state_ == State::kConnecting, static_cast<int>(state_), socket_.get());
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    error_ = std::strerror(error);
    return try_next();
  }
  loop_.unwatch(socket_.get());
  finish(std::move(socket_));
}

std::vector<std::string> Dialer::tried() const {
  std::vector<std::string> texts;
  for (size_t i = 0; i < next_; i++) texts.push_back(addresses_[i].to_text());
  return texts;
}

void Dialer::close_socket() {
  loop_.unwatch(socket_.get());
  socket_.reset();
}

void Dialer::finish(absl::StatusOr<Fd> result) {
  CHECK(state_ == State::kResolving || state_ == State::kConnecting, static_cast<int>(state_));
  state_ = State::kDone;
  close_socket();
  done_(std::move(result));
}

}  // namespace gatetape::gateway
