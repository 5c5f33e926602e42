#include "gateway/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

// Time between two ticks of the members, in nanoseconds. Timeouts have this precision.
constexpr int64_t kTickNs = 250'000'000;

}  // namespace

Loop::Loop(const Clock& clock)
    : clock_(clock),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(epoll_fd_ >= 0);
  CHECK(wake_fd_ >= 0);
  for (const int fd : {wake_fd_, inbox_.fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0, fd);
  }
}

Loop::~Loop() {
  close(wake_fd_);
  close(epoll_fd_);
}

void Loop::run() {
  while (!done()) {
    wait_and_dispatch();
    run_posted();
    service_marked();
    if (clock_.mono_ns() >= next_tick_ns_) tick();
  }
  members_.clear();
}

void Loop::stop(const std::string& reason, int64_t grace_ns) {
  post([this, reason, grace_ns] {
    stopping_ = true;
    stop_at_ns_ = clock_.mono_ns() + grace_ns;
    for (const auto& member : members_) {
      member->shut_down(reason);
      mark(member.get());
    }
  });
}

void Loop::post(std::function<void()> task) {
  {
    const absl::MutexLock lock(&mutex_);
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  const ssize_t written = write(wake_fd_, &one, sizeof one);
  CHECK(written == sizeof one, written);
}

void Loop::on_rules_changed() {
  post([this] {
    for (size_t i = 0; i < members_.size(); i++) members_[i]->on_rules_changed();
  });
}

void Loop::watch(int fd, uint32_t events, Ready* ready) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  const bool known = watched_.contains(fd);
  const int result = epoll_ctl(epoll_fd_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  CHECK(result == 0, fd, errno, known);
  watched_[fd] = ready;
}

void Loop::unwatch(int fd) {
  if (watched_.erase(fd) == 0) return;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::adopt(std::unique_ptr<Member> member) {
  mark(member.get());
  members_.push_back(std::move(member));
}

void Loop::mark(Member* member) {
  if (std::exchange(member->dirty_, true)) return;
  marked_.push_back(member);
}

void Loop::wait_and_dispatch() {
  std::array<epoll_event, 256> events;
  const int64_t wait_ns = marked_.empty() ? next_tick_ns_ - clock_.mono_ns() : 0;
  const int timeout_ms = static_cast<int>(std::clamp<int64_t>(wait_ns / 1'000'000 + 1, 0, 250));
  const int count =
      epoll_wait(epoll_fd_, events.data(), events.size(), marked_.empty() ? timeout_ms : 0);
  for (int i = 0; i < count; i++) {
    const int fd = events[static_cast<size_t>(i)].data.fd;
    if (fd == wake_fd_) continue;
    if (fd == inbox_.fd()) {
      deliver_tee_events();
      continue;
    }
    const auto it =
        watched_.find(fd);  // absent when the handler of an earlier event stopped watching it
    if (it != watched_.end()) it->second->on_ready(events[static_cast<size_t>(i)].events);
  }
}

void Loop::deliver_tee_events() {
  for (const tee::TeeEvent& event : inbox_.drain()) {
    const auto it = tee_handlers_.find(event.handle);
    if (it == tee_handlers_.end()) continue;
    const EventHandler handler = it->second;  // a copy, because the handler may remove itself
    handler(event);
  }
}

void Loop::run_posted() {
  uint64_t count = 0;
  if (read(wake_fd_, &count, sizeof count) < 0) return;
  std::vector<std::function<void()>> tasks;
  {
    const absl::MutexLock lock(&mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
}

// Fairness. One call services each marked member once. Members that are marked during the call wait
// for the next call, so that a busy member cannot keep the others from their sockets.
void Loop::service_marked() {
  std::vector<Member*> round;
  round.swap(marked_);
  bool any_finished = false;
  for (Member* member : round) {
    CHECK(member->dirty_, round.size());
    member->dirty_ = false;
    member->service();
    any_finished = any_finished || member->finished();
  }
  if (any_finished) reap();
}

void Loop::reap() {
  const auto is_finished = [](const std::unique_ptr<Member>& member) { return member->finished(); };
  // The destruction of one member may finish another one, as an outer connection ends its inner
  // connections. Such members are marked.
  const auto first = std::stable_partition(
      members_.begin(), members_.end(), [&](const auto& member) { return !is_finished(member); });
  std::vector<std::unique_ptr<Member>> finished(std::make_move_iterator(first),
                                                std::make_move_iterator(members_.end()));
  members_.erase(first, members_.end());
  finished.clear();
  const auto is_gone = [this](Member* marked) {
    return std::none_of(members_.begin(), members_.end(),
                        [marked](const auto& member) { return member.get() == marked; });
  };
  marked_.erase(std::remove_if(marked_.begin(), marked_.end(), is_gone), marked_.end());
}

void Loop::tick() {
  const int64_t now = clock_.mono_ns();
  next_tick_ns_ = now + kTickNs;
  for (size_t i = 0; i < members_.size(); i++) members_[i]->on_tick(now);
}

bool Loop::done() const {
  if (!stopping_) return false;
  return (members_.empty() && tee_handlers_.empty()) || clock_.mono_ns() >= stop_at_ns_;
}

}  // namespace gatetape::gateway
