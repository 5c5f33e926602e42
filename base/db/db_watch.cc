#include "base/db/db_watch.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace gatetape {
namespace {

// How long a client that went away keeps its statement. It costs ten looks per second while
// statements run.
constexpr std::chrono::milliseconds kLook(100);
// After this many looks without a statement the thread sleeps. Waking it costs the next statement a
// few microseconds, which a chain of short statements must not pay each time.
constexpr int kIdleLooksMax = 10;

// The world may have no descriptor left, which is no fault of ours.
int copy_of(int socket) {
  const int copy = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::runtime_error("no file descriptor is left to watch the connection");
  return copy;
}

}  // namespace

DbWatch::DbWatch(int socket) : socket_(copy_of(socket)), thread_([this] { run(); }) {}

DbWatch::~DbWatch() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    CHECK(state_ != State::kWatching, "a statement still runs");
    state_ = State::kEnded;
  }
  changed_.notify_one();
  thread_.join();
}

void DbWatch::start(Limit limit) {
  const std::lock_guard<std::mutex> lock(mutex_);
  CHECK(state_ == State::kAsleep || state_ == State::kAwake, "a statement runs already");
  CHECK(stopped_.ok(), stopped_);
  CHECK(!limit_.is_unwanted, "the question of an earlier statement was not forgotten");
  limit_ = std::move(limit);
  if (std::exchange(state_, State::kWatching) == State::kAsleep) changed_.notify_one();
}

absl::Status DbWatch::finish() {
  const std::lock_guard<std::mutex> lock(mutex_);
  CHECK(state_ == State::kWatching, "no statement runs");
  limit_ = {};
  state_ = State::kAwake;
  idle_looks_ = 0;
  return std::exchange(stopped_, absl::OkStatus());
}

// The wait is one of the monotonic clock (see base/os/pause.h).
void DbWatch::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (state_ != State::kEnded) {
    if (state_ == State::kAsleep)
      changed_.wait(lock, [this] { return state_ != State::kAsleep; });
    else
      changed_.wait_for(lock, kLook, [this] { return state_ == State::kEnded; });
    look();
  }
}

// is_unwanted is called under the lock, so that finish returns only when it is not running: what it
// asks is gone after that.
void DbWatch::look() {
  if (state_ == State::kAwake && ++idle_looks_ > kIdleLooksMax) state_ = State::kAsleep;
  if (state_ != State::kWatching || !stopped_.ok()) return;
  if (system_clock().mono_ns() >= limit_.deadline_ns)
    shut_down(absl::DeadlineExceededError("the database did not answer in time"));
  else if (limit_.is_unwanted && limit_.is_unwanted())
    shut_down(absl::CancelledError("nobody waits for the answer any longer"));
}

void DbWatch::shut_down(absl::Status why) {
  CHECK(stopped_.ok(), stopped_);
  stopped_ = std::move(why);
  shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace gatetape
