// A daemon beats, and a call waits for its turn, by the monotonic clock. The tests of SkewedClock
// run this program again with a wall clock that is a day ahead of the kernel's (libfaketime): a
// wait that is timed by the wall clock then lasts a day, as one does whose clock is set back by a
// day.
#include "auditd/heartbeat.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/time/clock.h"
#include "auditd/read/permits.h"
#include "tests/support/faketime.h"

namespace gatetape::auditd {
namespace {

constexpr std::chrono::milliseconds kShort(10);

TEST(Heartbeat, it_beats_again_and_again_until_it_ends) {
  std::atomic<int> beats = 0;
  {
    const Heartbeat heartbeat({.period = kShort, .beat = [&] { beats++; }});
    while (beats < 3) absl::SleepFor(absl::Milliseconds(1));
  }
  const int at_the_end = beats;
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(beats, at_the_end);
  const Heartbeat slow({.period = std::chrono::hours(1), .beat = [] {}});  // ends at once
}

TEST(Permits, one_that_is_not_given_back_is_waited_for_in_vain) {
  Permits permits(1);
  EXPECT_TRUE(permits.take(kShort));
  EXPECT_FALSE(permits.take(kShort));
  permits.give();
  EXPECT_TRUE(permits.take(kShort));
}

TEST(PermitsDeathTest, none_is_given_back_that_was_not_taken) {
  Permits permits(2);
  EXPECT_DEATH(permits.give(), "free_ < count_");
}

TEST(SkewedClock, waits_are_timed_by_the_monotonic_clock) {
  if (!FaketimeRun::is_possible()) GTEST_SKIP() << "the package faketime is not installed";
  EXPECT_TRUE((FaketimeRun{.clock = "+1d", .filter = "Heartbeat.*:Permits.*"}.passes()));
}

}  // namespace
}  // namespace gatetape::auditd
