#include "gateway/refusals.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/os/daemon.h"
#include "record/event.h"

namespace gatetape::gateway {
namespace {

// Time between two frames of the same reason and address, in nanoseconds.
constexpr int64_t kPeriodNs = 1'000'000'000;
// Length of a recorded detail, in bytes. A longer one is cut, because the peer chooses it.
constexpr size_t kDetailBytesMax = 1024;
// Pairs of reason and address that are counted apart. Above this limit new addresses are counted
// together, so that the frames per second stay bounded.
constexpr size_t kAddressesMax = 64;

}  // namespace

void Refusals::note(const Refusal& refusal) {
  const auto& [source, reason, detail] = refusal;
  total_++;
  const absl::MutexLock lock(&mutex_);
  std::pair<std::string, std::string> key(reason, source.substr(0, source.rfind(':')));
  const bool is_known = counts_.contains(key);
  if (!is_known && counts_.size() >= kAddressesMax) key.second.clear();
  Count& counted = counts_[key];
  counted.source = key.second.empty() ? "" : source;
  counted.detail = detail.substr(0, kDetailBytesMax);
  counted.unrecorded++;
  if (counted.recorded_ns == 0) record(reason, &counted);
}

void Refusals::flush(bool all) {
  const absl::MutexLock lock(&mutex_);
  const int64_t now_ns = clock_.mono_ns();
  for (auto it = counts_.begin(); it != counts_.end();) {
    auto& [key, counted] = *it;
    const bool is_due = all || now_ns - counted.recorded_ns >= kPeriodNs;
    const bool is_over = is_due && counted.unrecorded == 0;
    if (is_due && !is_over) record(key.first, &counted);
    it = is_over ? counts_.erase(it) : std::next(it);
  }
}

void Refusals::record(const std::string& reason, Count* counted) {
  CHECK(counted->unrecorded > 0, reason);
  Event event{{"source", counted->source}, {"reason", reason}};
  if (!counted->detail.empty()) event.add("detail", counted->detail);
  event.add_number("count", std::exchange(counted->unrecorded, 0));
  counted->recorded_ns = clock_.mono_ns();
  log_warn("connection_refused", {{"source", counted->source},
                                  {"reason", reason},
                                  {"detail", counted->detail},
                                  {"count", std::string(event.get("count"))}});
  log_.record_async(FrameKind::kConnectionRefused, event, nullptr);
}

}  // namespace gatetape::gateway
