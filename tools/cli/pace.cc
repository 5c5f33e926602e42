#include "tools/cli/pace.h"

#include <algorithm>

namespace gatetape::tools {

Pace::Pace(double speed, int64_t max_idle_ns, int64_t now_ns)
    : speed_(speed), max_idle_ns_(max_idle_ns), anchor_real_ns_(now_ns) {}

int64_t Pace::wait_ns(int64_t offset_ns, int64_t now_ns) const {
  if (offset_ns < skip_until_ns_) return 0;
  if (paused_) return -1;
  const int64_t gap_ns = std::min(offset_ns - anchor_offset_ns_, max_idle_ns_);
  const auto due_ns = anchor_real_ns_ + static_cast<int64_t>(static_cast<double>(gap_ns) / speed_);
  return std::max<int64_t>(due_ns - now_ns, 0);
}

void Pace::shown(int64_t offset_ns, int64_t now_ns) {
  if (offset_ns < skip_until_ns_) return;
  anchor_offset_ns_ = offset_ns;
  anchor_real_ns_ = now_ns;
}

int64_t Pace::position_ns(int64_t now_ns) const {
  if (paused_) return anchor_offset_ns_;
  const auto passed = static_cast<double>(now_ns - anchor_real_ns_) * speed_;
  return anchor_offset_ns_ + static_cast<int64_t>(passed);
}

void Pace::seek(int64_t offset_ns, int64_t now_ns) {
  anchor_offset_ns_ = skip_until_ns_ = std::max<int64_t>(offset_ns, 0);
  anchor_real_ns_ = now_ns;
}

void Pace::toggle_pause(int64_t now_ns) {
  anchor_offset_ns_ = position_ns(now_ns);
  anchor_real_ns_ = now_ns;
  paused_ = !paused_;
}

}  // namespace gatetape::tools
