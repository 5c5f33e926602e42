// The promises of the committer: a store that failed is opened again before anything else, attempts
// are paced, work does not outlive an outage, the upkeep is done in time.
#include "recorder/committer_core.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

namespace gatetape::recorder {
namespace {

using Action = CommitterCore::Action;

// FakeStore answers from scripts, then with OK.
class FakeStore : public Store {
 public:
  absl::Status open() override { return next(&opens); }
  absl::Status commit(const Commit& commit) override {
    lists += commit.lists.size();
    return next(&commits);
  }
  absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) override {
    return std::vector<Tail>(sessions.size());
  }
  absl::Status keep_up() override { return next(&upkeeps); }

  std::deque<absl::Status> opens;
  std::deque<absl::Status> commits;
  std::deque<absl::Status> upkeeps;
  size_t lists = 0;

 private:
  static absl::Status next(std::deque<absl::Status>* script) {
    if (script->empty()) return absl::OkStatus();
    const absl::Status status = script->front();
    script->pop_front();
    return status;
  }
};

class CountingLane : public Lane {
 public:
  void on_bound(uint32_t, const Tail&) override {}
  void on_durable(uint32_t, uint64_t, const Hash&) override { durable++; }
  void on_closed(uint32_t, const SignedHead&) override {}
  void on_refused(uint32_t, const Refusal&) override {}
  void on_failed(const absl::Status&) override { failed++; }
  void on_finished() override {}
  int durable = 0;
  int failed = 0;
};

class CommitterCoreTest : public testing::Test {
 protected:
  // A session that was open before: its opening needs no list.
  void add_frame() {
    lane_ = std::make_shared<CountingLane>();
    std::vector<Work> work(1);
    work[0].lane = lane_;
    work[0].frame.seq = 2;
    core_->add(std::move(work));
  }
  absl::Status open_store() { return core_->open(now_ns_, random_bytes(kRunBytes)); }
  CommitPolicy::Outcome commit() { return core_->commit({.mono_ns = now_ns_}); }
  // Opens the store, and does the upkeep that is due at once.
  void open() {
    ASSERT_EQ(core_->next(now_ns_), Action::kOpen);
    ASSERT_TRUE(open_store().ok());
    ASSERT_EQ(core_->next(now_ns_), Action::kKeepUp);
    ASSERT_TRUE(core_->keep_up(now_ns_).ok());
  }

  FakeStore store_;
  const SigningKey key_ = SigningKey::generate();
  std::unique_ptr<CommitterCore> core_ = std::make_unique<CommitterCore>(&store_, &key_);
  std::shared_ptr<CountingLane> lane_;
  int64_t now_ns_ = 5'000;
};

TEST_F(CommitterCoreTest, an_open_store_commits_and_waits_for_the_upkeep) {
  open();
  EXPECT_EQ(core_->next(now_ns_), Action::kWait);
  EXPECT_EQ(core_->due_ns(), now_ns_ + CommitterCore::kUpkeepEveryNs);
  add_frame();
  EXPECT_EQ(core_->next(now_ns_), Action::kCommit);
  EXPECT_TRUE(commit().status.ok());
  EXPECT_EQ(lane_->durable, 1);
  now_ns_ += HeadsCore::kListEveryNs;
  EXPECT_TRUE(commit().status.ok());
  EXPECT_EQ(core_->next(core_->due_ns() - 1), Action::kWait);
  EXPECT_EQ(core_->next(core_->due_ns()), Action::kKeepUp);
}

TEST_F(CommitterCoreTest, what_was_committed_is_listed_a_second_later_and_once) {
  open();
  add_frame();
  EXPECT_TRUE(commit().status.ok());
  EXPECT_EQ(store_.lists, 0u);
  EXPECT_EQ(core_->due_ns(), now_ns_ + HeadsCore::kListEveryNs);
  EXPECT_EQ(core_->next(core_->due_ns() - 1), Action::kWait);
  now_ns_ = core_->due_ns();
  EXPECT_EQ(core_->next(now_ns_), Action::kCommit);
  EXPECT_TRUE(commit().status.ok());
  EXPECT_EQ(store_.lists, 1u);
  EXPECT_EQ(core_->lists(), 1u);
  EXPECT_EQ(core_->next(now_ns_ + 10 * HeadsCore::kListEveryNs), Action::kWait);
}

// A store that refuses each list must not be opened and asked again without a pause.
TEST_F(CommitterCoreTest, a_list_that_failed_is_due_a_second_after_the_store_is_open_again) {
  open();
  add_frame();
  EXPECT_TRUE(commit().status.ok());
  now_ns_ = core_->due_ns();
  store_.commits = {absl::FailedPreconditionError("swallowed")};
  EXPECT_FALSE(commit().status.ok());
  EXPECT_EQ(core_->next(now_ns_), Action::kOpen);
  ASSERT_TRUE(open_store().ok());
  EXPECT_EQ(core_->next(now_ns_), Action::kWait);
  EXPECT_EQ(core_->due_ns(), now_ns_ + HeadsCore::kListEveryNs);
  now_ns_ = core_->due_ns();
  EXPECT_TRUE(commit().status.ok());
  EXPECT_EQ(core_->lists(), 1u);
}

TEST_F(CommitterCoreTest, a_stop_leaves_nothing_that_no_list_names) {
  open();
  add_frame();
  EXPECT_TRUE(commit().status.ok());
  core_->stop();
  EXPECT_EQ(core_->next(now_ns_), Action::kCommit);
  EXPECT_TRUE(commit().status.ok());
  EXPECT_EQ(core_->lists(), 1u);
  EXPECT_EQ(core_->next(now_ns_), Action::kStop);
}

TEST_F(CommitterCoreTest, a_stop_does_not_wait_for_a_list_that_cannot_be_stored) {
  open();
  add_frame();
  EXPECT_TRUE(commit().status.ok());
  core_->stop();
  store_.commits = {absl::UnavailableError("gone")};
  EXPECT_FALSE(commit().status.ok());
  EXPECT_EQ(core_->next(now_ns_), Action::kStop);
}

TEST_F(CommitterCoreTest, a_failed_commit_opens_the_store_again_at_once) {
  open();
  store_.commits = {absl::AbortedError("doubt")};
  add_frame();
  EXPECT_FALSE(commit().status.ok());
  EXPECT_EQ(lane_->failed, 1);
  add_frame();
  EXPECT_FALSE(core_->is_open());
  EXPECT_EQ(core_->next(now_ns_), Action::kOpen);
  ASSERT_TRUE(open_store().ok());
  EXPECT_EQ(core_->next(now_ns_), Action::kCommit);
}

TEST_F(CommitterCoreTest, attempts_to_open_are_paced) {
  store_.opens = std::deque<absl::Status>(7, absl::UnavailableError("down"));
  for (const int64_t pause_ms : {50, 100, 200, 400, 800, 1000, 1000}) {
    ASSERT_EQ(core_->next(now_ns_), Action::kOpen);
    EXPECT_FALSE(open_store().ok());
    EXPECT_EQ(core_->next(now_ns_), Action::kWait);
    EXPECT_EQ(core_->due_ns() - now_ns_, pause_ms * 1'000'000);
    now_ns_ = core_->due_ns();
    EXPECT_EQ(core_->next(now_ns_), Action::kRefuseWaiting);
    core_->refuse_waiting();
  }
  open();
}

TEST_F(CommitterCoreTest, work_does_not_outlive_an_outage) {
  store_.opens = {absl::UnavailableError("down")};
  EXPECT_FALSE(open_store().ok());
  add_frame();
  EXPECT_EQ(core_->next(now_ns_), Action::kWait);
  core_->refuse_waiting();
  EXPECT_EQ(lane_->failed, 1);
  EXPECT_TRUE(core_->is_idle());
}

TEST_F(CommitterCoreTest, an_upkeep_that_fails_opens_the_store_again) {
  ASSERT_TRUE(open_store().ok());
  store_.upkeeps = {absl::UnavailableError("gone")};
  EXPECT_FALSE(core_->keep_up(now_ns_).ok());
  EXPECT_EQ(core_->next(now_ns_), Action::kOpen);
  ASSERT_TRUE(open_store().ok());
  EXPECT_EQ(core_->next(now_ns_), Action::kWait);  // the next upkeep is due in an hour
}

TEST_F(CommitterCoreTest, stopping_waits_for_nothing_but_the_work) {
  struct Row {
    const char* name;
    bool opens;
    bool has_work;
    Action action;
  };
  const Row rows[] = {{"open and idle", true, false, Action::kStop},
                      {"open with work", true, true, Action::kCommit},
                      {"away and idle", false, false, Action::kStop},
                      {"away with work", false, true, Action::kRefuseWaiting}};
  for (const Row& row : rows) {
    core_ = std::make_unique<CommitterCore>(&store_, &key_);
    store_.opens = {row.opens ? absl::OkStatus() : absl::UnavailableError("down")};
    EXPECT_EQ(open_store().ok(), row.opens);
    if (row.has_work) add_frame();
    core_->stop();
    EXPECT_EQ(core_->next(now_ns_), row.action) << row.name;
  }
}

using CommitterCoreDeathTest = CommitterCoreTest;

TEST_F(CommitterCoreDeathTest, a_closed_store_is_not_used) {
  EXPECT_DEATH(commit(), "State::kOpen");
  EXPECT_DEATH(core_->keep_up(now_ns_).IgnoreError(), "State::kOpen");
  EXPECT_DEATH(core_->due_ns(), "State::kClosed");
}

TEST_F(CommitterCoreDeathTest, nothing_is_committed_while_nothing_waits) {
  open();
  EXPECT_DEATH(commit(), "policy_.empty");
}

TEST_F(CommitterCoreDeathTest, an_open_store_is_not_opened_and_its_work_not_refused) {
  open();
  EXPECT_DEATH(open_store().IgnoreError(), "State::kClosed");
  EXPECT_DEATH(core_->refuse_waiting(), "State::kBackingOff");
  EXPECT_DEATH(core_->keep_up(now_ns_).IgnoreError(), "upkeep_due_ns_");
}

}  // namespace
}  // namespace gatetape::recorder
