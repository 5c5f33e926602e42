// Clock: the source of time. Code that needs the time has a Clock passed to it, so that a test can
// stop and move the time. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace gatetape {

class Clock {
 public:
  virtual ~Clock() = default;
  // wall_ns returns CLOCK_REALTIME: nanoseconds since 1970-01-01T00:00:00Z.
  virtual int64_t wall_ns() const = 0;
  // mono_ns returns CLOCK_MONOTONIC: nanoseconds that never decrease.
  virtual int64_t mono_ns() const = 0;
};

// system_clock returns the machine's clock, which is never destroyed.
const Clock& system_clock();

// format_utc returns RFC 3339 text in UTC with milliseconds: 2026-01-02T03:04:05.678Z.
std::string format_utc(int64_t wall_ns);

}  // namespace gatetape
