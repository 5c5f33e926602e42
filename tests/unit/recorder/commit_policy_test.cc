#include "recorder/commit_policy.h"

#include <gtest/gtest.h>

#include "recorder/outbox.h"
#include "tests/unit/recorder/policy_fixture.h"

namespace gatetape::recorder {
namespace {

const std::string kLostRace = std::to_string(record::v1::Refusal::CODE_LOST_RACE);
const std::string kMalformed = std::to_string(record::v1::Refusal::CODE_MALFORMED);

TEST_F(PolicyTest, all_that_waits_goes_into_one_commit_with_one_row_a_session) {
  frame(lane_, &one_);
  frame(other_, &two_);
  frame(lane_, &one_);
  EXPECT_TRUE(step().status.ok());
  EXPECT_TRUE(policy_.empty());
  ASSERT_EQ(store_.commits.size(), 1u);
  EXPECT_EQ(store_.commits[0], (std::vector<std::pair<uint64_t, uint64_t>>{{1, 2}, {1, 1}}));
  EXPECT_EQ(lane_->said, Said{"durable 1 2"});
  EXPECT_EQ(other_->said, Said{"durable 2 1"});
}

TEST_F(PolicyTest, nothing_is_answered_before_its_commit) {
  frame(lane_, &one_);
  EXPECT_EQ(lane_->said, Said{});
  store_.script = {absl::AbortedError("doubt")};
  step();
  EXPECT_EQ(lane_->said, Said{"failed"});
}

TEST_F(PolicyTest, a_head_goes_with_the_frames_before_it) {
  frame(lane_, &one_);
  close(lane_, one_);
  step();
  ASSERT_EQ(store_.commits.size(), 1u);
  EXPECT_EQ(lane_->said, (Said{"durable 1 1", "closed 1"}));
  two_.next(FrameKind::kIn, "stored by another recorder");
  close(lane_, two_);
  step();
  EXPECT_EQ(lane_->said.back(), "closed 2");
}

TEST_F(PolicyTest, a_transaction_has_a_limit) {
  const std::string big(kPayloadBytesMax, 'x');
  std::vector<TestSession> sessions;
  for (uint32_t i = 1; i <= 20; i++) sessions.emplace_back(i);
  for (TestSession& session : sessions)
    for (int i = 0; i < 2; i++) frame(lane_, &session, big);
  size_t bytes = step().bytes;
  EXPECT_GE(bytes, CommitLimits{}.batch_cost_max);
  EXPECT_LT(bytes, CommitLimits{}.batch_cost_max + 2 * kPayloadBytesMax);
  while (!policy_.empty()) bytes += step().bytes;
  EXPECT_EQ(bytes, 40 * (kPayloadBytesMax + 256));
  EXPECT_EQ(store_.commits.size(), 2u);
  EXPECT_EQ(lane_->said.back(), "durable 20 2");
}

TEST_F(PolicyTest, a_session_that_floods_keeps_no_other_waiting_and_its_own_order) {
  const std::string big(kPayloadBytesMax, 'x');
  for (int i = 0; i < 20; i++) frame(lane_, &one_, big);
  close(lane_, one_);
  frame(other_, &two_);
  bind(other_, one_);
  finish(lane_);
  EXPECT_LT(step().bytes, 2 * CommitLimits{}.session_cost_max);
  EXPECT_EQ(other_->said, Said{"durable 2 1"});
  EXPECT_EQ(lane_->said, Said{"durable 1 4"});
  while (!policy_.empty()) step();
  EXPECT_EQ(other_->said, (Said{"durable 2 1", "bound 1"}));
  const Said end(lane_->said.end() - 3, lane_->said.end());
  EXPECT_EQ(end, (Said{"durable 1 20", "closed 1", "finished"}));
}

TEST_F(PolicyTest, small_frames_with_rows_take_a_share_by_their_rows) {
  for (int i = 0; i < 10'000; i++) frame_with_rows(lane_, &one_);
  frame(other_, &two_);
  step();
  EXPECT_EQ(other_->said, Said{"durable 2 1"});
  EXPECT_LE(store_.commits[0][0].second, 200u);
}

TEST_F(PolicyTest, a_head_is_stored_with_the_last_frame_also_of_a_session_that_had_its_share) {
  const std::string big(kPayloadBytesMax, 'x');
  for (int i = 0; i < 4; i++) frame(lane_, &one_, big);
  close(lane_, one_);
  step();
  EXPECT_EQ(lane_->said, (Said{"durable 1 4", "closed 1"}));
}

TEST_F(PolicyTest, a_handle_that_is_bound_again_is_another_session) {
  TestSession again(1);
  frame(lane_, &one_);
  close(lane_, one_);
  frame(lane_, &again);
  close(lane_, again);
  step();
  EXPECT_EQ(lane_->said, (Said{"durable 1 1", "closed 1"}));
  step();
  EXPECT_EQ(lane_->said, (Said{"durable 1 1", "closed 1", "durable 1 1", "closed 1"}));
  EXPECT_EQ(store_.commits.size(), 2u);
}

TEST_F(PolicyTest, in_doubt_ends_every_stream_of_the_batch_and_no_other) {
  const auto third = std::make_shared<FakeLane>();
  frame(lane_, &one_);
  frame(other_, &two_);
  store_.script = {absl::AbortedError("doubt")};
  EXPECT_TRUE(absl::IsAborted(step().status));
  EXPECT_EQ(lane_->said, Said{"failed"});
  EXPECT_EQ(other_->said, Said{"failed"});
  TestSession three(3);
  frame(third, &three);
  step();
  EXPECT_EQ(third->said, Said{"durable 3 1"});
}

TEST_F(PolicyTest, nothing_of_a_failed_stream_is_stored_later) {
  frame(lane_, &one_);
  store_.script = {absl::AbortedError("doubt")};
  step();
  frame(lane_, &one_);
  frame(lane_, &two_);
  close(lane_, one_);
  bind(lane_, two_);
  EXPECT_TRUE(step().status.ok());
  EXPECT_EQ(store_.commits.size(), 1u);
  EXPECT_EQ(lane_->said, Said{"failed"});
}

TEST_F(PolicyTest, a_lost_race_costs_its_session_alone) {
  store_.poison[one_.id()] = absl::AlreadyExistsError("23505");
  frame(lane_, &one_);
  frame(lane_, &two_);
  TestSession three(3);
  frame(other_, &three);
  EXPECT_TRUE(step().status.ok());
  EXPECT_EQ(lane_->said, (Said{"refused 1 " + kLostRace, "durable 2 1"}));
  EXPECT_EQ(other_->said, Said{"durable 3 1"});
}

TEST_F(PolicyTest, nothing_of_a_session_that_lost_is_stored_later) {
  store_.poison[one_.id()] = absl::AlreadyExistsError("23505");
  frame(lane_, &one_);
  step();
  store_.poison.clear();
  store_.commits.clear();
  frame(lane_, &one_);
  close(lane_, one_);
  step();
  EXPECT_EQ(store_.commits.size(), 0u);
  EXPECT_EQ(lane_->said, Said{"refused 1 " + kLostRace});
}

TEST_F(PolicyTest, data_that_the_store_refuses_costs_its_session_alone) {
  store_.poison[two_.id()] = absl::InvalidArgumentError("22001");
  frame(lane_, &one_);
  frame(lane_, &two_);
  EXPECT_TRUE(step().status.ok());
  EXPECT_EQ(lane_->said, (Said{"durable 1 1", "refused 2 " + kMalformed}));
}

TEST_F(PolicyTest, doubt_among_single_commits_ends_the_streams_that_are_left) {
  store_.script = {absl::AlreadyExistsError("23505"), absl::OkStatus(), absl::AbortedError("x")};
  const auto third = std::make_shared<FakeLane>();
  TestSession three(3);
  frame(lane_, &one_);
  frame(other_, &two_);
  frame(third, &three);
  EXPECT_TRUE(absl::IsAborted(step().status));
  EXPECT_EQ(lane_->said, Said{"durable 1 1"});
  EXPECT_EQ(other_->said, Said{"failed"});
  EXPECT_EQ(third->said, Said{"failed"});
}

TEST_F(PolicyTest, binds_are_read_after_the_commit_of_what_came_before) {
  frame(lane_, &one_);
  bind(other_, one_);
  step();
  EXPECT_EQ(lane_->said, Said{"durable 1 1"});
  EXPECT_EQ(other_->said, Said{"bound 1"});
}

TEST_F(PolicyTest, a_read_that_fails_ends_the_stream) {
  bind(lane_, one_);
  store_.reads = absl::UnavailableError("gone");
  EXPECT_FALSE(step().status.ok());
  EXPECT_EQ(lane_->said, Said{"failed"});
}

TEST_F(PolicyTest, a_commit_that_fails_ends_the_streams_that_wait_for_a_read_too) {
  frame(lane_, &one_);
  bind(other_, two_);
  store_.script = {absl::UnavailableError("gone")};
  EXPECT_FALSE(step().status.ok());
  EXPECT_EQ(other_->said, Said{"failed"});
}

TEST_F(PolicyTest, finish_comes_after_all_answers) {
  frame(lane_, &one_);
  bind(lane_, two_);
  finish(lane_);
  step();
  EXPECT_EQ(lane_->said, (Said{"durable 1 1", "bound 2", "finished"}));
}

TEST_F(PolicyTest, without_a_store_everything_that_waits_fails) {
  frame(lane_, &one_);
  bind(other_, two_);
  finish(other_);
  const CommitPolicy::Outcome outcome = policy_.fail_all(absl::UnavailableError("down"));
  EXPECT_EQ(outcome.bytes, 2 * kFrameOverheadBytes + 1);
  EXPECT_TRUE(policy_.empty());
  EXPECT_EQ(lane_->said, Said{"failed"});
  EXPECT_EQ(other_->said, (Said{"failed", "finished"}));
}

TEST_F(PolicyTest, the_opening_and_the_close_are_listed_in_their_own_transaction) {
  frame(lane_, &one_);
  step();
  frame(lane_, &one_);
  step();
  frame(lane_, &one_);
  close(lane_, one_);
  step();
  EXPECT_EQ(store_.lists, (std::vector<Said>{{"1 open 1"}, {}, {"2 close 3"}}));
}

TEST_F(PolicyTest, a_live_list_that_is_due_goes_with_the_next_transaction_or_alone) {
  frame(lane_, &one_);
  step();
  frame(lane_, &one_);
  step();
  now_.mono_ns += HeadsCore::kListEveryNs;
  frame(other_, &two_);
  step();
  frame(lane_, &one_);
  step();
  now_.mono_ns += HeadsCore::kListEveryNs;
  step();
  EXPECT_EQ(store_.lists,
            (std::vector<Said>{{"1 open 1"}, {}, {"2 open 1", "3 live 2"}, {}, {"4 live 3"}}));
  EXPECT_EQ(store_.commits.back().size(), 0u);
}

TEST_F(PolicyTest, a_refused_session_uses_no_number_of_a_list) {
  store_.poison[one_.id()] = absl::AlreadyExistsError("23505");
  frame(lane_, &one_);
  frame(lane_, &two_);
  TestSession three(3);
  frame(other_, &three);
  step();
  EXPECT_EQ(
      store_.lists,
      (std::vector<Said>{{"1 open 1 open 1 open 1"}, {"1 open 1"}, {"1 open 1"}, {"2 open 1"}}));
}

TEST_F(PolicyTest, a_live_list_stays_due_when_a_session_of_its_transaction_is_refused) {
  frame(lane_, &one_);
  step();
  frame(lane_, &one_);
  step();
  store_.lists.clear();
  now_.mono_ns += HeadsCore::kListEveryNs;
  store_.poison[two_.id()] = absl::InvalidArgumentError("22001");
  frame(other_, &two_);
  EXPECT_TRUE(step().status.ok());
  EXPECT_TRUE(step().status.ok());
  EXPECT_EQ(store_.lists,
            (std::vector<Said>{{"2 open 1", "3 live 2"}, {"2 open 1"}, {"2 live 2"}}));
}

TEST_F(PolicyTest, a_list_that_the_store_refuses_costs_no_session) {
  frame(lane_, &one_);
  step();
  frame(lane_, &one_);
  step();
  now_.mono_ns += HeadsCore::kListEveryNs;
  store_.script = {absl::InvalidArgumentError("22001")};
  EXPECT_FALSE(step().status.ok());
  EXPECT_EQ(lane_->said, (Said{"durable 1 1", "durable 1 2"}));
}

using PolicyDeathTest = PolicyTest;

TEST_F(PolicyDeathTest, a_hole_between_two_frames_of_a_session_is_our_own_bug) {
  frame(lane_, &one_);
  one_.next(FrameKind::kIn, "lost");
  frame(lane_, &one_);
  EXPECT_DEATH(step(), "write.last_seq");
}

TEST_F(PolicyDeathTest, a_handle_names_one_session) {
  frame(lane_, &one_);
  TestSession other(1);
  other.next(FrameKind::kIn, "x");
  frame(lane_, &other);
  EXPECT_DEATH(step(), "work.session");
}

TEST_F(PolicyDeathTest, work_has_what_its_kind_needs) {
  Work frame = frame_work(lane_, &one_, "x");
  frame.frame.seq = 0;
  EXPECT_DEATH(add(std::move(frame)), "work.frame.seq > 0");
  EXPECT_DEATH(add(work(Work::Kind::kClose, lane_, one_)), "work.head");
}

TEST(OutboxDeathTest, a_head_covers_what_is_durable) {
  Outbox outbox;
  outbox.put_durable(7, 5, Hash{});
  EXPECT_DEATH(outbox.put_closed(7, SignedHead()), "head.head.size");
}

TEST(OutboxTest, durable_is_cumulative) {
  Outbox outbox;
  for (uint64_t seq = 1; seq <= 1000; seq++) outbox.put_durable(7, seq, Hash{});
  record::v1::RecordResponse response;
  outbox.fill(&response, 10);
  ASSERT_EQ(response.answers_size(), 1);
  EXPECT_EQ(response.answers(0).session_handle(), 7u);
  EXPECT_EQ(response.answers(0).durable().seq(), 1000u);
  EXPECT_TRUE(outbox.empty());
}

TEST(OutboxTest, answers_of_a_session_keep_their_order_and_nobody_starves) {
  Outbox outbox;
  outbox.put_durable(2, 5, Hash{});
  outbox.put_bound(1, 0, Hash{});
  SignedHead head;
  head.head.size = 5;
  outbox.put_closed(2, head);
  outbox.put_refusal(2, {record::v1::Refusal::CODE_CLOSED, "x"});
  record::v1::RecordResponse response;
  outbox.fill(&response, 1);
  ASSERT_EQ(response.answers_size(), 3);
  EXPECT_TRUE(response.answers(0).has_durable());
  EXPECT_TRUE(response.answers(1).has_closed());
  EXPECT_TRUE(response.answers(2).has_refusal());
  outbox.put_durable(2, 6, Hash{});
  response.Clear();
  outbox.fill(&response, 1);
  ASSERT_EQ(response.answers_size(), 1);
  EXPECT_EQ(response.answers(0).session_handle(), 1u);
  EXPECT_EQ(response.answers(0).bound().root(), "");
}

}  // namespace
}  // namespace gatetape::recorder
