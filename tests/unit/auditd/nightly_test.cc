#include "auditd/nightly.h"

#include <gtest/gtest.h>

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

constexpr int64_t kMinute = 60'000'000'000;
constexpr int64_t kDay = 24 * 60 * kMinute;
constexpr int64_t kMidnight = 20'000 * kDay;  // 2024-10-04T00:00:00Z

class HeldClock : public Clock {
 public:
  int64_t wall_ns() const override { return now_ns; }
  int64_t mono_ns() const override { return now_ns; }
  int64_t now_ns = kMidnight + 14 * 60 * kMinute;
};

class NightlyTest : public testing::Test {
 protected:
  static Verdict verdict(Verdict::Result result, const std::string& detail = {}) {
    Verdict made;
    made.set_result(result);
    made.set_detail(detail);
    return made;
  }
  Nightly nightly() {
    return Nightly({.clock = clock_,
                    .verify = [this](const VerifyRange& range, const std::function<bool()>&,
                                     VerifyAll::Emit emit) -> absl::Status {
                      ranges_.push_back(range);
                      for (const Verdict& found : found_)
                        if (absl::Status status = emit(found); !status.ok()) return status;
                      return status_;
                    },
                    .record =
                        [this](const Event& event) {
                          events_.push_back(event);
                          return absl::OkStatus();
                        }});
  }

  HeldClock clock_;
  std::vector<Verdict> found_ = {verdict(Verdict::RESULT_INTACT), verdict(Verdict::RESULT_INTACT),
                                 verdict(Verdict::RESULT_UNSIGNED)};
  absl::Status status_;
  std::vector<VerifyRange> ranges_;
  std::vector<Event> events_;
};

TEST_F(NightlyTest, the_day_before_is_verified_once_at_half_past_midnight) {
  Nightly night = nightly();
  for (const int64_t now : {15 * 60, 24 * 60, 24 * 60 + 29}) {
    clock_.now_ns = kMidnight + now * kMinute;
    night.tick();
  }
  EXPECT_TRUE(ranges_.empty());
  for (const int64_t now : {24 * 60 + 30, 24 * 60 + 31, 47 * 60}) {
    clock_.now_ns = kMidnight + now * kMinute;
    night.tick();
  }
  ASSERT_EQ(ranges_.size(), 1u);
  EXPECT_EQ(ranges_[0].since_ns, kMidnight);
  EXPECT_EQ(ranges_[0].until_ns, kMidnight + kDay);
  clock_.now_ns = kMidnight + 2 * kDay + 30 * kMinute;
  night.tick();
  ASSERT_EQ(ranges_.size(), 2u);
  EXPECT_EQ(ranges_[1].since_ns, kMidnight + kDay);
}

TEST_F(NightlyTest, what_was_found_is_a_frame_and_a_figure) {
  Nightly night = nightly();
  clock_.now_ns = kMidnight + kDay + 30 * kMinute;
  night.tick();
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].get("scope"), "2024-10-04");
  EXPECT_EQ(events_[0].get("result"), "intact");
  EXPECT_EQ(events_[0].get("intact"), "2");
  EXPECT_EQ(events_[0].get("unsigned"), "1");
  EXPECT_EQ(events_[0].get("tampered"), "0");
  EXPECT_EQ(night.tampered(), 0u);
  const SessionId session = SessionId::mint(kMidnight);
  found_.push_back(verdict(Verdict::RESULT_TAMPERED, "frame 7 missing"));
  found_.back().set_session_id(std::string(session.bytes()));
  found_.back().set_first_bad_seq(7);
  found_.push_back(verdict(Verdict::RESULT_TAMPERED, "another"));
  clock_.now_ns += kDay;
  night.tick();
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[1].get("result"), "tampered");
  EXPECT_EQ(events_[1].get("tampered"), "2");
  EXPECT_EQ(events_[1].get("session"), session.to_text());
  EXPECT_EQ(events_[1].get("first_bad_seq"), "7");
  EXPECT_EQ(events_[1].get("detail"), "frame 7 missing");
  EXPECT_EQ(night.tampered(), 2u);
}

TEST_F(NightlyTest, a_verification_that_fails_is_tried_again_after_ten_minutes) {
  Nightly night = nightly();
  status_ = absl::UnavailableError("no database");
  clock_.now_ns = kMidnight + kDay + 30 * kMinute;
  night.tick();
  EXPECT_EQ(events_.at(0).get("result"), "failed");
  EXPECT_EQ(events_.at(0).get("detail"), "no database");
  status_ = absl::OkStatus();
  clock_.now_ns += 9 * kMinute;
  night.tick();
  EXPECT_EQ(ranges_.size(), 1u);
  clock_.now_ns += kMinute;
  night.tick();
  ASSERT_EQ(ranges_.size(), 2u);
  EXPECT_EQ(ranges_[1].since_ns, kMidnight);
  EXPECT_EQ(events_.at(1).get("result"), "intact");
}

TEST_F(NightlyTest, a_daemon_that_stops_ends_its_verification_without_a_frame) {
  Nightly night = nightly();
  clock_.now_ns = kMidnight + kDay + 30 * kMinute;
  night.stop();
  night.tick();
  EXPECT_TRUE(ranges_.empty());
  EXPECT_TRUE(events_.empty());
}

}  // namespace
}  // namespace gatetape::auditd
