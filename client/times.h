// Times and sizes as people type and read them. Pure but for the local time zone; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

// parse_time reads an instant to Unix ns: RFC 3339 (2026-01-02T03:04:05Z, with an offset, without
// seconds, a date alone; no zone = UTC, or local when `local`), an age (90s, 5m, 2h, 3d, 1w, "3d
// ago"), now, today, yesterday. INVALID_ARGUMENT for anything else.
absl::StatusOr<int64_t> parse_time(std::string_view text, int64_t now_ns, bool local);
// TimeRange is what --since and --until say; 0 = not said.
struct TimeRange {
  int64_t since_ns = 0;
  int64_t until_ns = 0;
};
// parse_range reads both by parse_time; empty texts are not said.
absl::StatusOr<TimeRange> parse_range(std::string_view since, std::string_view until,
                                      int64_t now_ns, bool local);
// parse_position reads a place in a session to ns: seconds (12.5), mm:ss, hh:mm:ss.
absl::StatusOr<int64_t> parse_position(std::string_view text);

// format_time gives 2026-01-02 03:04:05Z, or with the local zone's offset.
std::string format_time(int64_t unix_ns, bool local);
// format_rfc3339 gives 2026-01-02T03:04:05.678Z, or with the local zone's offset.
std::string format_rfc3339(int64_t unix_ns, bool local);
// format_span gives a duration: 0.4s, 12s, 3m05s, 2h07m, 3d04h.
std::string format_span(int64_t ns);
// format_bytes gives 512, 1.5K, 20M, 3.1G: units of 1024.
std::string format_bytes(uint64_t bytes);

}  // namespace gatetape
