// Pace tells when the next recorded output is due: true timing times speed, long silences cut,
// pauses and seeks. Times are ns: offsets in the session, and a clock that never goes back. Pure;
// one thread.
#pragma once

#include <cstdint>

namespace gatetape::tools {

class Pace {
 public:
  // `speed` > 0 is 1 for true time; no silence is longer than `max_idle_ns` of session time.
  Pace(double speed, int64_t max_idle_ns, int64_t now_ns);

  // wait_ns gives how long to wait before what happened at `offset_ns` is shown: 0 = now, negative
  // = for ever (paused).
  int64_t wait_ns(int64_t offset_ns, int64_t now_ns) const;
  // shown says that what happened at `offset_ns` was shown.
  void shown(int64_t offset_ns, int64_t now_ns);
  // position_ns is the place in the session.
  int64_t position_ns(int64_t now_ns) const;
  // seek shows all before `offset_ns` at once. To go back, what is shown starts again at offset 0.
  void seek(int64_t offset_ns, int64_t now_ns);
  void toggle_pause(int64_t now_ns);
  bool paused() const { return paused_; }

 private:
  const double speed_;
  const int64_t max_idle_ns_;
  int64_t anchor_offset_ns_ = 0;  // this place in the session ...
  int64_t anchor_real_ns_;        // ... was at this time
  int64_t skip_until_ns_ = 0;
  bool paused_ = false;
};

}  // namespace gatetape::tools
