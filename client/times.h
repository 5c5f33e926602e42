// Times and sizes as people type and read them. Pure, except that the local time zone is read; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape::client {

// parse_time parses an instant and returns Unix ns. It accepts RFC 3339 (2026-01-02T03:04:05Z, with
// an offset, without seconds, or a date alone), an age (90s, 5m, 2h, 3d, 1w, "3d ago"), now, today
// and yesterday. A time without a zone is UTC, or local time when `local` is true.
// INVALID_ARGUMENT for anything else.
absl::StatusOr<int64_t> parse_time(std::string_view text, int64_t now_ns, bool local);
// TimeRangeText is the text of --since and of --until; an empty text sets no bound.
struct TimeRangeText {
  std::string_view since;
  std::string_view until;
};
// TimeRange is a range of Unix ns; 0 is no bound.
struct TimeRange {
  int64_t since_ns = 0;
  int64_t until_ns = 0;
};
// parse_range parses both bounds as parse_time does.
absl::StatusOr<TimeRange> parse_range(const TimeRangeText& text, int64_t now_ns, bool local);
// parse_position parses a position in a session and returns ns: seconds (12.5), mm:ss, hh:mm:ss.
absl::StatusOr<int64_t> parse_position(std::string_view text);

// format_time returns 2026-01-02 03:04:05Z, or with the local zone's offset.
std::string format_time(int64_t unix_ns, bool local);
// format_rfc3339 returns 2026-01-02T03:04:05.678Z, or with the local zone's offset.
std::string format_rfc3339(int64_t unix_ns, bool local);
// format_span returns a duration: 0.4s, 12s, 3m05s, 2h07m, 3d04h.
std::string format_span(int64_t ns);
// format_bytes returns 512, 1.5K, 20M, 3.1G; the units are powers of 1024.
std::string format_bytes(uint64_t bytes);

}  // namespace gatetape::client
