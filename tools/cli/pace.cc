#include "tools/cli/pace.h"

#include <algorithm>

namespace gatetape::tools {

int64_t Pace::wait_ns(const PaceMoment& next) const {
  if (next.offset_ns < skip_until_ns_) return 0;
  if (paused_) return -1;
  const int64_t gap_ns = std::min(next.offset_ns - anchor_.offset_ns, options_.max_idle_ns);
  const double played_ns = static_cast<double>(gap_ns) / options_.speed;
  return std::max<int64_t>(anchor_.now_ns + static_cast<int64_t>(played_ns) - next.now_ns, 0);
}

void Pace::shown(const PaceMoment& done) {
  if (done.offset_ns >= skip_until_ns_) anchor_ = done;
}

int64_t Pace::position_ns(int64_t now_ns) const {
  if (paused_) return anchor_.offset_ns;
  const double passed_ns = static_cast<double>(now_ns - anchor_.now_ns) * options_.speed;
  return anchor_.offset_ns + static_cast<int64_t>(passed_ns);
}

void Pace::seek(const PaceMoment& to) {
  anchor_ = {std::max<int64_t>(to.offset_ns, 0), to.now_ns};
  skip_until_ns_ = anchor_.offset_ns;
}

void Pace::toggle_pause(int64_t now_ns) {
  anchor_ = {position_ns(now_ns), now_ns};
  paused_ = !paused_;
}

}  // namespace gatetape::tools
