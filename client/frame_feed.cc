#include "client/frame_feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace gatetape::client {
namespace {

// Payload bytes in the queue. At the limit the reading thread waits, and gRPC stops auditd.
constexpr size_t kBytesMax = 4 << 20;

}  // namespace

FrameFeed::FrameFeed(AuditClient& client, const audit::v1::ReadFramesRequest& request)
    : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(fd_.get() >= 0, errno);
  thread_ = std::thread([this, &client, request] { run(client, request); });
}

FrameFeed::~FrameFeed() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  context_.TryCancel();
  thread_.join();
}

std::optional<Frame> FrameFeed::pop() {
  uint64_t news = 0;
  const absl::MutexLock lock(&mutex_);
  if (frames_.empty()) {
    // The counter may be 0 already; the next push sets it again.
    [[maybe_unused]] const ssize_t taken = read(fd_.get(), &news, sizeof(news));
    return std::nullopt;
  }
  Frame frame = std::move(frames_.front());
  frames_.pop_front();
  bytes_ -= frame.payload.size();
  return frame;
}

bool FrameFeed::finished(absl::Status* status) {
  const absl::MutexLock lock(&mutex_);
  if (!done_ || !frames_.empty()) return false;
  *status = status_;
  return true;
}

void FrameFeed::run(AuditClient& client, const audit::v1::ReadFramesRequest& request) {
  const auto each = [this](const Frame& frame) { return push(frame); };
  const absl::Status status = client.read(request, each, &context_);
  const absl::MutexLock lock(&mutex_);
  done_ = true;
  status_ = status;
  wake();
}

bool FrameFeed::push(const Frame& frame) {
  const absl::MutexLock lock(&mutex_);
  const auto may_go_on = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop_ || bytes_ < kBytesMax;
  };
  mutex_.Await(absl::Condition(&may_go_on));
  frames_.push_back(frame);
  bytes_ += frame.payload.size();
  wake();
  return !stop_;
}

void FrameFeed::wake() {
  const uint64_t one = 1;
  CHECK(write(fd_.get(), &one, sizeof(one)) == sizeof(one), errno);
}

}  // namespace gatetape::client
