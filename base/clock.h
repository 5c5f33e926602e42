// Time comes from here, so that tests can hold it. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace gatetape {

class Clock {
 public:
  virtual ~Clock() = default;
  // wall_ns is CLOCK_REALTIME: nanoseconds since 1970-01-01T00:00:00Z.
  virtual int64_t wall_ns() const = 0;
  // mono_ns is CLOCK_MONOTONIC: nanoseconds that never go back.
  virtual int64_t mono_ns() const = 0;
};

// system_clock gives the machine's clock; it lives for ever.
const Clock& system_clock();

// format_utc gives RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z.
std::string format_utc(int64_t wall_ns);

}  // namespace gatetape
