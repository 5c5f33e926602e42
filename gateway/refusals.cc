#include "gateway/refusals.h"

#include <utility>

#include "base/daemon.h"
#include "proto/event.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kPeriodNs = 1'000'000'000;
constexpr size_t kDetailBytesMax = 1024;

}  // namespace

void Refusals::note(const std::string& source, const std::string& reason,
                    const std::string& detail) {
  total_++;
  const int64_t now = clock_.mono_ns();
  uint64_t count = 0;
  {
    const absl::MutexLock lock(&mutex_);
    Count& counted = counts_[reason];
    counted.unrecorded++;
    if (counted.recorded_ns != 0 && now - counted.recorded_ns < kPeriodNs) return;
    counted.recorded_ns = now;
    count = std::exchange(counted.unrecorded, 0);
  }
  Event event{{"source", source}, {"reason", reason}};
  if (!detail.empty()) event.add("detail", detail.substr(0, kDetailBytesMax));
  event.add_number("count", count);
  log_warn("connection_refused", {{"source", source}, {"reason", reason}, {"detail", detail}});
  log_.record_async(FrameKind::kConnectionRefused, event, nullptr);
}

}  // namespace gatetape::gateway
