#include "gateway/session/refusal_windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Verdict = RefusalWindows::Verdict;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kWallNs = 1'790'000'000 * kSecondNs;

Event attempt(const std::string& source, const std::string& user = "root") {
  return Event{{"source", source}, {"user", user}, {"result", "refused"}};
}

class RefusalWindowsTest : public testing::Test {
 protected:
  RefusalWindows::Noted note(const std::string& address, const Event& event) {
    return windows_.note(FrameKind::kAuthAttempt, address, event, {now_ns_, kWallNs + now_ns_});
  }
  // verdicts returns how many of so many refusals of one address have each verdict.
  std::map<Verdict, int> verdicts(const std::string& address, int refusals) {
    std::map<Verdict, int> counts;
    for (int i = 0; i < refusals; i++) counts[note(address, attempt(address + ":1")).verdict]++;
    return counts;
  }

  RefusalWindows windows_;
  int64_t now_ns_ = 5 * kSecondNs;
};

TEST_F(RefusalWindowsTest, an_address_has_three_frames_in_ten_seconds_and_one_with_the_count) {
  const std::map<Verdict, int> expected = {
      {Verdict::kRecord, 3}, {Verdict::kCount, 7}, {Verdict::kDelay, 590}};
  for (int round = 0; round < 2; round++) {
    EXPECT_EQ(verdicts("192.0.2.1", 600), expected);
    now_ns_ += RefusalWindows::kPeriodNs - 1;
    EXPECT_THAT(windows_.end_windows(now_ns_, false), IsEmpty());
    now_ns_++;
    const auto ended = windows_.end_windows(now_ns_, false);
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].to_event().get_number("count"), 597u);
    EXPECT_THAT(windows_.end_windows(now_ns_, true), IsEmpty());
  }
}

TEST_F(RefusalWindowsTest, the_frame_with_the_count_has_the_newest_refusal_and_the_first_time) {
  for (int i = 0; i < 3; i++) note("192.0.2.1", attempt("192.0.2.1:1"));
  note("192.0.2.1", attempt("192.0.2.1:2", "admin"));
  now_ns_ += kSecondNs;
  note("192.0.2.1", attempt("192.0.2.1:3", "oracle"));
  const Event event = windows_.end_windows(now_ns_, true).at(0).to_event();
  EXPECT_EQ(event.get("source"), "192.0.2.1:3");
  EXPECT_EQ(event.get("user"), "oracle");
  EXPECT_EQ(event.get("result"), "refused");
  EXPECT_EQ(event.get_number("count"), 2u);
  EXPECT_EQ(event.get("first_at"), std::to_string(kWallNs + 5 * kSecondNs));
}

TEST_F(RefusalWindowsTest, few_refusals_have_no_count) {
  EXPECT_EQ(verdicts("192.0.2.1", 3)[Verdict::kRecord], 3);
  EXPECT_THAT(windows_.end_windows(now_ns_, true), IsEmpty());
}

TEST_F(RefusalWindowsTest, the_first_delay_of_a_window_is_told) {
  int told = 0;
  for (int i = 0; i < 100; i++)
    told += note("192.0.2.1", attempt("192.0.2.1:1")).first_delayed ? 1 : 0;
  EXPECT_EQ(told, 1);
}

TEST_F(RefusalWindowsTest, addresses_do_not_delay_each_other) {
  verdicts("192.0.2.1", 600);
  EXPECT_EQ(note("192.0.2.2", attempt("192.0.2.2:1")).verdict, Verdict::kRecord);
}

TEST_F(RefusalWindowsTest, addresses_without_end_share_one_window_that_delays_nobody) {
  constexpr int kAddresses = 1000;
  std::map<Verdict, int> counts;
  for (int i = 0; i < kAddresses; i++) {
    const std::string address = "2001:db8:" + std::to_string(i) + "::/64";
    counts[note(address, attempt("[2001:db8::1]:22")).verdict]++;
  }
  const int apart = static_cast<int>(RefusalWindows::kAddressesMax);
  EXPECT_EQ(counts[Verdict::kRecord], apart + 3);
  EXPECT_EQ(counts[Verdict::kDelay], 0);
  const auto ended = windows_.end_windows(now_ns_, true);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].to_event().get_number("count"), static_cast<uint64_t>(kAddresses - apart - 3));
  EXPECT_EQ(ended[0].to_event().get("source"), "");
}

TEST_F(RefusalWindowsTest, kinds_are_counted_apart_and_counts_add_up) {
  Event probe{{"source", "192.0.2.1:1"}, {"user", "alice"}, {"count", "5"}};
  for (int i = 0; i < 5; i++)
    windows_.note(FrameKind::kKeyProbe, "192.0.2.1", probe, {now_ns_, kWallNs});
  EXPECT_EQ(note("192.0.2.1", attempt("192.0.2.1:1")).verdict, Verdict::kRecord);
  const auto ended = windows_.end_windows(now_ns_, true);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].key.first, FrameKind::kKeyProbe);
  EXPECT_EQ(ended[0].to_event().get_number("count"), 10u);
  EXPECT_FALSE(ended[0].to_event().has("first_at"));
}

TEST_F(RefusalWindowsTest, a_count_that_was_not_recorded_is_counted_again) {
  verdicts("192.0.2.1", 8);
  const auto ended = windows_.end_windows(now_ns_, true);
  now_ns_ += kSecondNs;
  verdicts("192.0.2.1", 5);
  windows_.put_back(ended.at(0), now_ns_);
  const Event event = windows_.end_windows(now_ns_, true).at(0).to_event();
  EXPECT_EQ(event.get_number("count"), 5u + 2u);
  EXPECT_EQ(event.get("first_at"), std::to_string(kWallNs + 5 * kSecondNs));
  windows_.put_back(ended.at(0), now_ns_);
  EXPECT_EQ(windows_.end_windows(now_ns_, true).at(0).count, 5u);
}

}  // namespace
}  // namespace gatetape::gateway
