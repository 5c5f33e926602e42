#include "client/times.h"

#include <gtest/gtest.h>

#include <string>

namespace gatetape::client {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// 2026-01-02T15:04:05Z
constexpr int64_t kNow = 1'767'366'245 * kSecond;

TEST(TimesTest, instants_are_read_as_people_write_them) {
  struct Row {
    const char* text;
    int64_t seconds;  // relative to kNow
  };
  const Row rows[] = {
      {"2026-01-02T15:04:05Z", 0},
      {"2026-01-02T16:04:05+01:00", 0},
      {"2026-01-02 15:04:05", 0},
      {"2026-01-02T15:04", -5},
      {"2026-01-02", -54245},
      {"now", 0},
      {"today", -54245},
      {"yesterday", -54245 - 86400},
      {"90s", -90},
      {"5m", -300},
      {"2h", -7200},
      {"3d", -3 * 86400},
      {"3d ago", -3 * 86400},
      {"1w", -7 * 86400},
      {" 2 h ", -7200},
      {"0s", 0},
  };
  for (const Row& row : rows) {
    const auto time = parse_time(row.text, kNow, false);
    ASSERT_TRUE(time.ok()) << row.text;
    EXPECT_EQ(*time, kNow + row.seconds * kSecond) << row.text;
  }
  EXPECT_EQ(*parse_time("2026-01-02T15:04:05.5Z", kNow, false), kNow + kSecond / 2);
}

TEST(TimesTest, other_texts_are_no_instants) {
  for (const char* text : {"", "h", "2", "2y", "-2h", "ago", "tomorrow", "2026-13-01", "15:04",
                           "2026-01-02T25:00:00Z", "99999999999d", "2h2h", "0x2h"})
    EXPECT_FALSE(parse_time(text, kNow, false).ok()) << text;
}

TEST(TimesTest, range_names_what_is_wrong) {
  const auto range = parse_range({.since = "2h", .until = ""}, kNow, false);
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->since_ns, kNow - 7200 * kSecond);
  EXPECT_EQ(range->until_ns, 0);
  EXPECT_EQ(parse_range({.since = "", .until = "bogus"}, kNow, false).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TimesTest, positions_are_seconds_or_clock_like) {
  EXPECT_EQ(*parse_position("12.5"), 12'500'000'000);
  EXPECT_EQ(*parse_position("1:02"), 62 * kSecond);
  EXPECT_EQ(*parse_position("1:00:02"), 3602 * kSecond);
  EXPECT_EQ(*parse_position("90"), 90 * kSecond);
  for (const char* text :
       {"", ":", "1:", "1:60", "1:2:3:4", "-1", "x", "1:-2", "nan", "inf", "1e99"})
    EXPECT_FALSE(parse_position(text).ok()) << text;
}

TEST(TimesTest, times_and_sizes_read_well) {
  EXPECT_EQ(format_time(kNow, false), "2026-01-02 15:04:05Z");
  EXPECT_EQ(format_rfc3339(kNow + 678'900'000, false), "2026-01-02T15:04:05.678Z");
  EXPECT_EQ(format_span(400'000'000), "0.4s");
  EXPECT_EQ(format_span(12 * kSecond), "12s");
  EXPECT_EQ(format_span(185 * kSecond), "3m05s");
  EXPECT_EQ(format_span(7620 * kSecond), "2h07m");
  EXPECT_EQ(format_span(100 * 3600 * kSecond), "4d04h");
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1023), "1023");
  EXPECT_EQ(format_bytes(1536), "1.5K");
  EXPECT_EQ(format_bytes(20 << 20), "20M");
  EXPECT_EQ(format_bytes(3328599654), "3.1G");
}

}  // namespace
}  // namespace gatetape::client
