// Pace decides when the next recorded output is due: the true timing divided by a speed, with long
// silences shortened, pauses and seeks. Times are ns: offsets in the session, and a clock that
// never goes back. Pure; one thread.
#pragma once

#include <cstdint>

namespace gatetape::tools {

struct PaceOptions {
  double speed = 1;                 // above 0; 2 is twice as fast
  int64_t max_idle_ns = INT64_MAX;  // silences in the session are cut to this length
};

// PaceMoment is an offset in the session together with the time now.
struct PaceMoment {
  int64_t offset_ns = 0;
  int64_t now_ns = 0;
};

class Pace {
 public:
  Pace(const PaceOptions& options, int64_t now_ns) : options_(options), anchor_{0, now_ns} {}

  // wait_ns returns how long to wait before the output at the offset is shown: 0 is now, a negative
  // number is for ever, because the player is paused.
  int64_t wait_ns(const PaceMoment& next) const;
  // shown notes that the output at the offset was shown.
  void shown(const PaceMoment& done);
  // position_ns returns the present offset in the session.
  int64_t position_ns(int64_t now_ns) const;
  // seek makes everything before the offset due at once. To go back, the caller shows the session
  // again from offset 0.
  void seek(const PaceMoment& to);
  // toggle_pause pauses, or goes on.
  void toggle_pause(int64_t now_ns);

 private:
  const PaceOptions options_;
  PaceMoment anchor_;  // this offset was shown at this time
  int64_t skip_until_ns_ = 0;
  bool paused_ = false;
};

}  // namespace gatetape::tools
