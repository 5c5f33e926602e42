#include "tee/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace gatetape::tee {

Inbox::Inbox() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { CHECK(fd_ >= 0); }

Inbox::~Inbox() { close(fd_); }

void Inbox::deliver(std::vector<TeeEvent> events) {
  if (events.empty()) return;
  const size_t count = events.size();
  bool was_empty = false;
  {
    const absl::MutexLock lock(&mutex_);
    was_empty = events_.empty();
    std::move(events.begin(), events.end(), std::back_inserter(events_));
    CHECK(events_.size() >= count, events_.size(), count);
  }
  if (!was_empty) return;
  const uint64_t one = 1;
  const ssize_t written = write(fd_, &one, sizeof one);
  CHECK(written == sizeof one, written);
}

std::vector<TeeEvent> Inbox::drain() {
  uint64_t count = 0;
  // EAGAIN: the writer of events that are here already has yet to signal them. The signal then
  // wakes the loop once more, for nothing.
  const ssize_t got = read(fd_, &count, sizeof count);
  CHECK(got == sizeof count || got < 0, got);
  const absl::MutexLock lock(&mutex_);
  return std::exchange(events_, {});
}

}  // namespace gatetape::tee
