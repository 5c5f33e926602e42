#include "recorder/committer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "absl/synchronization/notification.h"
#include "tests/support/test_session.h"

namespace gatetape::recorder {
namespace {

// A store that cannot be opened the first `refusals` times; its first commit waits for
// `all_submitted`, but not for ever.
struct Script {
  std::atomic<int> refusals = 0;
  std::atomic<int> commits = 0;
  std::atomic<int> upkeeps = 0;
  std::atomic<uint64_t> frames_max = 0;  // the most frames in one commit
  absl::Notification all_submitted;
  absl::Duration patience;
};

class ScriptedStore : public Store {
 public:
  explicit ScriptedStore(Script* script) : script_(script) {}
  absl::Status open() override {
    return script_->refusals-- > 0 ? absl::UnavailableError("down") : absl::OkStatus();
  }
  absl::Status commit(const Commit& commit) override {
    const absl::Span<const SessionWrite> writes = commit.writes;
    if (writes.empty()) return absl::OkStatus();  // a heads list
    if (script_->commits++ == 0)
      script_->all_submitted.WaitForNotificationWithTimeout(script_->patience);
    script_->frames_max =
        std::max<uint64_t>(script_->frames_max, writes[0].last_seq - writes[0].first_seq + 1);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) override {
    return std::vector<Tail>(sessions.size());
  }
  absl::Status keep_up() override {
    script_->upkeeps++;
    return absl::OkStatus();
  }

 private:
  Script* script_;
};

// FakeClock shows the machine's time, moved by what the test adds to either clock.
class FakeClock : public Clock {
 public:
  int64_t wall_ns() const override { return system_clock().wall_ns() + wall_moved_ns; }
  int64_t mono_ns() const override { return system_clock().mono_ns() + mono_moved_ns; }
  std::atomic<int64_t> wall_moved_ns = 0;
  std::atomic<int64_t> mono_moved_ns = 0;
};

class CountingLane : public Lane {
 public:
  void on_bound(uint32_t, const Tail&) override {}
  void on_durable(uint32_t, uint64_t seq, const Hash&) override { durable = seq; }
  void on_closed(uint32_t, const SignedHead&) override {}
  void on_refused(uint32_t, const Refusal&) override {}
  void on_failed(const absl::Status&) override { failed.Notify(); }
  void on_finished() override {}
  std::atomic<uint64_t> durable = 0;
  absl::Notification failed;
};

class CommitterTest : public testing::Test {
 protected:
  void submit(Committer* committer, const std::string& payload) {
    std::vector<Work> work(1);
    work[0].lane = lane_;
    work[0].handle = session_.handle();
    work[0].session = session_.id();
    work[0].frame = session_.next(FrameKind::kIn, payload);
    work[0].root = session_.root();
    committer->submit(std::move(work));
  }
  std::unique_ptr<Committer> start(uint64_t queue_bytes_max) {
    return std::make_unique<Committer>(
        std::make_unique<ScriptedStore>(&script_),
        Committer::Options{.queue_bytes_max = queue_bytes_max,
                           .on_store_state =
                               [this](const absl::Status& state) {
                                 const absl::MutexLock lock(&mutex_);
                                 states_.push_back(state.code());
                               },
                           .on_upkeep_failed = [](const absl::Status&) {},
                           .key = &key_,
                           .clock = &clock_});
  }

  const SigningKey key_ = SigningKey::generate();
  FakeClock clock_;
  Script script_;
  TestSession session_;
  std::shared_ptr<CountingLane> lane_ = std::make_shared<CountingLane>();
  absl::Mutex mutex_;
  std::vector<absl::StatusCode> states_;
};

TEST_F(CommitterTest, what_gathers_during_a_commit_goes_into_the_next) {
  script_.patience = absl::Seconds(20);
  const auto committer = start(1 << 20);
  for (int i = 0; i < 50; i++) submit(committer.get(), "x");
  script_.all_submitted.Notify();
  committer->stop();
  EXPECT_EQ(lane_->durable, 50u);
  EXPECT_LE(script_.commits, 2);
}

TEST_F(CommitterTest, a_full_queue_blocks_the_reader) {
  script_.patience = absl::Milliseconds(200);  // for what must not happen
  const auto committer = start(1000);
  for (int i = 0; i < 50; i++) submit(committer.get(), std::string(600, 'x'));
  script_.all_submitted.Notify();
  committer->stop();
  EXPECT_EQ(lane_->durable, 50u);
  EXPECT_LE(script_.frames_max, 2u);
}

TEST_F(CommitterTest, without_a_store_streams_end_and_the_store_is_tried_again) {
  script_.refusals = 3;
  const auto committer = start(1000);
  submit(committer.get(), "x");
  lane_->failed.WaitForNotification();
  lane_ = std::make_shared<CountingLane>();
  session_ = TestSession();
  const auto is_open = [this] {
    mutex_.AssertReaderHeld();
    return states_.size() == 2;
  };
  {
    const absl::MutexLock lock(&mutex_);
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&is_open), absl::Seconds(20)));
  }
  submit(committer.get(), "y");
  committer->stop();
  EXPECT_EQ(lane_->durable, 1u);
  EXPECT_EQ(states_,
            (std::vector<absl::StatusCode>{absl::StatusCode::kUnavailable, absl::StatusCode::kOk}));
}

// A wall clock that is set back must not put off the upkeep: partitions would run out.
TEST_F(CommitterTest, the_upkeep_is_due_by_the_monotonic_clock) {
  const auto committer = start(1 << 20);
  submit(committer.get(), "x");
  while (lane_->durable < 1) std::this_thread::yield();
  EXPECT_EQ(script_.upkeeps, 1);
  clock_.wall_moved_ns = -CommitterCore::kUpkeepEveryNs;
  clock_.mono_moved_ns = CommitterCore::kUpkeepEveryNs;
  submit(committer.get(), "y");
  while (lane_->durable < 2) std::this_thread::yield();
  committer->stop();
  EXPECT_EQ(script_.upkeeps, 2);
}

}  // namespace
}  // namespace gatetape::recorder
