#include "gateway/reach/dialer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/os/net.h"
#include "gateway/reach/address_order.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// Time between the starts of two attempts, in nanoseconds ("Connection Attempt Delay", RFC 8305
// section 5, which recommends it). The loop's tick adds up to 250 ms.
constexpr int64_t kAttemptDelayNs = 250'000'000;

}  // namespace

int Dialer::Attempt::error() const {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

Fd Dialer::Attempt::take() {
  dialer_.loop_.unwatch(socket_.get());
  return std::move(socket_);
}

Dialer::Dialer(Loop& loop, Resolver& resolver, Done done)
    : loop_(loop), resolver_(resolver), done_(std::move(done)) {}

Dialer::~Dialer() {
  if (state_ == State::kResolving) resolver_.cancel(query_);
}

void Dialer::start(const HostPort& endpoint, const std::string& user, uint32_t timeout_s) {
  CHECK(state_ == State::kIdle, static_cast<int>(state_));
  state_ = State::kResolving;
  timeout_s_ = timeout_s;
  deadline_ns_ = loop_.clock().mono_ns() + int64_t{timeout_s} * kSecondNs;
  query_ = resolver_.resolve(endpoint, user,
                             loop_.guarded<Resolver::Answer>(
                                 guard_, [this](const Resolver::Answer& a) { on_resolved(a); }));
}

void Dialer::on_resolved(const Resolver::Answer& answer) {
  if (state_ == State::kDone) return;  // the time was over before the answer came
  CHECK(state_ == State::kResolving, static_cast<int>(state_));
  if (!answer.ok()) return finish(answer.status());
  addresses_ = interleave_families(*answer);
  state_ = State::kConnecting;
  try_next();
}

void Dialer::on_tick(int64_t mono_ns) {
  if (state_ == State::kIdle || state_ == State::kDone) return;
  if (mono_ns > deadline_ns_) {
    if (state_ == State::kResolving) resolver_.cancel(query_);
    return finish(absl::UnavailableError("no answer within " + std::to_string(timeout_s_) + " s"));
  }
  if (state_ == State::kConnecting && mono_ns >= next_after_ns_ && next_ < addresses_.size())
    try_next();
}

void Dialer::try_next() {
  CHECK(state_ == State::kConnecting, static_cast<int>(state_));
  while (next_ < addresses_.size()) {
    next_after_ns_ = loop_.clock().mono_ns() + kAttemptDelayNs;
    if (connect_to(addresses_[next_++])) return;
  }
  if (attempts_.empty()) finish(absl::UnavailableError(error_));
}

// connect_to returns false, and sets error_, when the address fails at once.
bool Dialer::connect_to(const SocketAddress& address) {
  CHECK(attempts_.size() < next_, attempts_.size(), next_);
  address_ = address.to_text();
  Fd made(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0) {
    error_ = std::string("socket: ") + std::strerror(errno);
    return false;
  }
  set_connection_options(made.get());
  if (connect(made.get(), address.name(), address.length) != 0 && errno != EINPROGRESS) {
    error_ = address_ + ": " + std::strerror(errno);
    return false;
  }
  // The loop reports a socket that is connected already too.
  attempts_.push_back(std::make_unique<Attempt>(*this, std::move(made), address_));
  return true;
}

void Dialer::on_finished(Attempt* attempt) {
  CHECK(state_ == State::kConnecting, static_cast<int>(state_), attempts_.size());
  const int error = attempt->error();
  if (error == 0) {
    address_ = attempt->address();
    return finish(attempt->take());
  }
  error_ = std::strerror(error);
  const auto is_it = [attempt](const auto& other) { return other.get() == attempt; };
  attempts_.erase(std::find_if(attempts_.begin(), attempts_.end(), is_it));
  try_next();
}

std::vector<std::string> Dialer::tried() const {
  std::vector<std::string> texts;
  for (size_t i = 0; i < next_; i++) texts.push_back(addresses_[i].to_text());
  return texts;
}

void Dialer::finish(absl::StatusOr<Fd> result) {
  CHECK(state_ == State::kResolving || state_ == State::kConnecting, static_cast<int>(state_));
  state_ = State::kDone;
  attempts_.clear();
  done_(std::move(result));
}

}  // namespace gatetape::gateway
