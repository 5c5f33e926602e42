#include "client/times.h"

#include <cctype>
#include <cmath>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/bytes.h"

namespace gatetape::client {
namespace {

absl::Status bad_time(std::string_view text) {
  return absl::InvalidArgumentError("\"" + printable(text) +
                                    "\" is not a time: type 2026-01-02T03:04:05Z, 2026-01-02, 2h, "
                                    "\"3d ago\", today or yesterday");
}

absl::TimeZone zone(bool local) { return local ? absl::LocalTimeZone() : absl::UTCTimeZone(); }

// parse_age parses "2h", "3 d", "90s ago". It returns false for anything else.
bool parse_age(absl::string_view text, absl::Duration* age) {
  absl::ConsumeSuffix(&text, "ago");
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return false;
  const char unit = text.back();
  text.remove_suffix(1);
  int64_t count = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &count) || count < 0) return false;
  if (count > 1'000'000) return false;
  const absl::Duration units = unit == 's'   ? absl::Seconds(1)
                               : unit == 'm' ? absl::Minutes(1)
                               : unit == 'h' ? absl::Hours(1)
                               : unit == 'd' ? absl::Hours(24)
                               : unit == 'w' ? absl::Hours(24 * 7)
                                             : absl::ZeroDuration();
  *age = count * units;
  return units != absl::ZeroDuration();
}

absl::Time midnight(absl::Time time, bool local, int days_back) {
  const absl::CivilDay day = absl::ToCivilDay(time, zone(local));
  return absl::FromCivil(day - days_back, zone(local));
}

}  // namespace

absl::StatusOr<int64_t> parse_time(std::string_view text, int64_t now_ns, bool local) {
  const absl::string_view trimmed =
      absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  const absl::Time now = absl::FromUnixNanos(now_ns);
  if (trimmed == "now") return now_ns;
  if (trimmed == "today") return absl::ToUnixNanos(midnight(now, local, 0));
  if (trimmed == "yesterday") return absl::ToUnixNanos(midnight(now, local, 1));
  absl::Duration age;
  if (parse_age(trimmed, &age)) return absl::ToUnixNanos(now - age);
  for (const char* format : {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
                             "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%dT%H:%M%Ez",
                             "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    absl::Time time;
    if (absl::ParseTime(format, trimmed, zone(local), &time, nullptr))
      return absl::ToUnixNanos(time);
  }
  return bad_time(text);
}

absl::StatusOr<TimeRange> parse_range(const TimeRangeText& text, int64_t now_ns, bool local) {
  TimeRange range;
  if (!text.since.empty()) {
    const auto since_ns = parse_time(text.since, now_ns, local);
    if (!since_ns.ok()) return since_ns.status();
    range.since_ns = *since_ns;
  }
  if (!text.until.empty()) {
    const auto until_ns = parse_time(text.until, now_ns, local);
    if (!until_ns.ok()) return until_ns.status();
    range.until_ns = *until_ns;
  }
  return range;
}

absl::StatusOr<int64_t> parse_position(std::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError(
      "\"" + printable(text) +
      "\" is not a position in a session: type seconds, mm:ss or hh:mm:ss");
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ':');
  if (parts.size() > 3) return bad;
  double seconds = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    double part = 0;
    if (parts[i].empty() || std::isdigit(static_cast<unsigned char>(parts[i][0])) == 0 ||
        !absl::SimpleAtod(parts[i], &part) || (i > 0 && part >= 60))
      return bad;
    seconds = seconds * 60 + part;
  }
  if (!(seconds < 1e9)) return bad;
  return static_cast<int64_t>(std::llround(seconds * 1e9));
}

std::string format_time(int64_t unix_ns, bool local) {
  const absl::Time time = absl::FromUnixNanos(unix_ns);
  return absl::FormatTime(local ? "%Y-%m-%d %H:%M:%S%Ez" : "%Y-%m-%d %H:%M:%SZ", time, zone(local));
}

std::string format_rfc3339(int64_t unix_ns, bool local) {
  const absl::Time time = absl::FromUnixNanos(unix_ns);
  return absl::FormatTime(local ? "%Y-%m-%dT%H:%M:%E3S%Ez" : "%Y-%m-%dT%H:%M:%E3SZ", time,
                          zone(local));
}

std::string format_span(int64_t ns) {
  const int64_t s = ns / 1'000'000'000;
  if (s < 10) return absl::StrFormat("%.1fs", static_cast<double>(ns) / 1e9);
  if (s < 60) return absl::StrFormat("%ds", s);
  if (s < 3600) return absl::StrFormat("%dm%02ds", s / 60, s % 60);
  if (s < 86400) return absl::StrFormat("%dh%02dm", s / 3600, s / 60 % 60);
  return absl::StrFormat("%dd%02dh", s / 86400, s / 3600 % 24);
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"K", "M", "G", "T", "P"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return absl::StrFormat("%.*f%s", value < 9.95 ? 1 : 0, value, unit);
}

}  // namespace gatetape::client
