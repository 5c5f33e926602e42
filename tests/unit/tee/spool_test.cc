// The spool's promises: each frame goes once a stream, in order; after a break exactly what is not
// durable goes again; an answer that does not fit refuses the session.
#include "tee/spool.h"

#include <gtest/gtest.h>

namespace gatetape::tee {
namespace {

using record::v1::RecordRequest;
using record::v1::RecordResponse;
using record::v1::Refusal;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    spool_.open(7, gate_.session(), gate_.keys().commit_key());
    spool_.start_stream();
  }

  void offer(const std::string& bytes) {
    frames_.push_back(gate_.offer(1, FrameKind::kIn, 1, bytes));
    spool_.add(7, frames_.back());
  }

  // The seqs of the frames that go next; binds and resumes are noted beside.
  std::vector<uint64_t> sent() {
    std::vector<uint64_t> seqs;
    RecordRequest request;
    while (request.Clear(), spool_.fill(&request)) {
      for (const auto& item : request.items()) {
        if (item.has_bind()) fresh_ = item.bind().fresh();
        if (item.has_resume()) resumed_at_ = item.resume().size();
        if (item.has_close()) closed_ = true;
        if (item.seq() > 0) seqs.push_back(item.seq());
      }
    }
    return seqs;
  }

  RecordResponse durable(uint64_t seq) {
    RecordResponse response;
    auto* answer = response.add_answers();
    answer->set_session_handle(7);
    answer->mutable_durable()->set_seq(seq);
    answer->mutable_durable()->set_root(std::string(view(frames_[seq - 1]->root)));
    return response;
  }

  RecordResponse bound(uint64_t seq) {
    RecordResponse response = durable(std::max<uint64_t>(seq, 1));
    auto* answer = response.mutable_answers(0);
    *answer->mutable_bound() = answer->durable();
    answer->clear_durable();
    answer->mutable_bound()->set_seq(seq);
    if (seq == 0) answer->mutable_bound()->clear_root();
    return response;
  }

  RecordResponse refusal(Refusal::Code code) {
    RecordResponse response;
    auto* answer = response.add_answers();
    answer->set_session_handle(7);
    answer->mutable_refusal()->set_code(code);
    answer->mutable_refusal()->set_detail("because");
    return response;
  }

  Gate gate_{SessionId::mint(1'700'000'000'000'000'000), std::string(kCommitKeyBytes, 'k'),
             1 << 20};
  Spool spool_;
  std::vector<FramePtr> frames_;
  std::vector<TeeEvent> events_;
  bool fresh_ = false;
  bool closed_ = false;
  uint64_t resumed_at_ = 99;
};

using Seqs = std::vector<uint64_t>;

TEST_F(SpoolTest, a_fresh_session_sends_its_frames_behind_its_bind) {
  offer("a");
  offer("b");
  EXPECT_EQ(sent(), (Seqs{1, 2}));
  EXPECT_TRUE(fresh_);
  EXPECT_EQ(sent(), Seqs{});
  EXPECT_TRUE(spool_.outstanding());
}

TEST_F(SpoolTest, an_acknowledgement_tells_the_session_and_settles) {
  offer("a");
  offer("b");
  sent();
  ASSERT_TRUE(spool_.on_response(durable(2), &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].seq, 2U);
  EXPECT_EQ(events_[0].root, frames_[1]->root);
  EXPECT_FALSE(spool_.outstanding());
}

TEST_F(SpoolTest, after_a_break_it_asks_first_and_goes_on_behind_what_is_durable) {
  offer("a");
  offer("b");
  offer("c");
  sent();
  ASSERT_TRUE(spool_.on_response(durable(1), &events_));
  spool_.start_stream();
  EXPECT_EQ(sent(), Seqs{});  // the bind alone
  EXPECT_FALSE(fresh_);
  events_.clear();
  ASSERT_TRUE(spool_.on_response(bound(2), &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].seq, 2U);
  EXPECT_EQ(sent(), (Seqs{3}));
  EXPECT_EQ(resumed_at_, 2U);
}

TEST_F(SpoolTest, after_a_break_with_nothing_stored_everything_goes_again) {
  offer("a");
  offer("b");
  sent();
  spool_.start_stream();
  sent();
  ASSERT_TRUE(spool_.on_response(bound(0), &events_));
  EXPECT_EQ(sent(), (Seqs{1, 2}));
  EXPECT_EQ(resumed_at_, 0U);
}

TEST_F(SpoolTest, a_store_that_lost_frames_refuses_the_session) {
  offer("a");
  offer("b");
  sent();
  ASSERT_TRUE(spool_.on_response(durable(2), &events_));
  spool_.start_stream();
  sent();
  events_.clear();
  ASSERT_TRUE(spool_.on_response(bound(1), &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].type, TeeEvent::Type::kRefused);
}

TEST_F(SpoolTest, a_store_with_other_content_refuses_the_session) {
  offer("a");
  sent();
  RecordResponse response = durable(1);
  response.mutable_answers(0)->mutable_durable()->set_root(std::string(32, 'x'));
  ASSERT_TRUE(spool_.on_response(response, &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].type, TeeEvent::Type::kRefused);
  offer("later frames of a refused session are dropped");
  EXPECT_EQ(sent(), Seqs{});
}

TEST_F(SpoolTest, an_acknowledgement_of_what_was_not_sent_refuses_the_session) {
  offer("a");
  ASSERT_TRUE(spool_.on_response(durable(1), &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].type, TeeEvent::Type::kRefused);
}

TEST_F(SpoolTest, a_lost_race_drops_the_stream) {
  offer("a");
  sent();
  EXPECT_FALSE(spool_.on_response(refusal(Refusal::CODE_LOST_RACE), &events_));
  EXPECT_TRUE(events_.empty());
}

TEST_F(SpoolTest, a_refusal_reaches_the_session_with_its_reason) {
  offer("a");
  sent();
  ASSERT_TRUE(spool_.on_response(refusal(Refusal::CODE_ROOT_MISMATCH), &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].detail, "because");
  EXPECT_FALSE(spool_.outstanding());
}

TEST_F(SpoolTest, the_head_goes_behind_the_last_frame_also_after_a_break) {
  offer("a");
  spool_.close(7, {1, frames_[0]->root, "s", "k"});
  EXPECT_EQ(sent(), (Seqs{1}));
  EXPECT_TRUE(closed_);
  closed_ = false;
  spool_.start_stream();
  sent();
  EXPECT_FALSE(closed_);
  ASSERT_TRUE(spool_.on_response(bound(1), &events_));
  EXPECT_EQ(sent(), Seqs{});
  EXPECT_TRUE(closed_);
}

TEST_F(SpoolTest, a_head_whose_answer_was_lost_counts_as_closed) {
  offer("a");
  spool_.close(7, {1, frames_[0]->root, "s", "k"});
  sent();
  spool_.start_stream();
  sent();
  ASSERT_TRUE(spool_.on_response(bound(1), &events_));
  ASSERT_TRUE(spool_.on_response(refusal(Refusal::CODE_CLOSED), &events_));
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].type, TeeEvent::Type::kDurable);
  EXPECT_EQ(events_[1].type, TeeEvent::Type::kClosed);
  EXPECT_FALSE(spool_.outstanding());
}

TEST_F(SpoolTest, a_head_over_frames_that_are_not_durable_refuses_the_session) {
  offer("a");
  spool_.close(7, {1, frames_[0]->root, "s", "k"});
  sent();
  spool_.start_stream();
  sent();
  ASSERT_TRUE(spool_.on_response(refusal(Refusal::CODE_CLOSED), &events_));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].type, TeeEvent::Type::kRefused);
}

TEST_F(SpoolTest, of_a_flood_only_so_much_is_under_way) {
  for (int i = 0; i < 1000; i++) offer("x");
  uint64_t seen = sent().size();
  EXPECT_EQ(seen, 256u);
  ASSERT_TRUE(spool_.on_response(durable(100), &events_));
  EXPECT_EQ(sent().size(), 100u);
  for (seen += 100; seen < 1000; seen += sent().size())
    ASSERT_TRUE(spool_.on_response(durable(seen), &events_));
  EXPECT_EQ(seen, 1000u);
  spool_.close(7, {1000, frames_.back()->root, "s", "k"});
  sent();
  EXPECT_TRUE(closed_);
}

TEST_F(SpoolTest, a_busy_session_leaves_room_for_the_others) {
  Gate other(SessionId::mint(1'700'000'000'000'000'001), std::string(kCommitKeyBytes, 'o'),
             1 << 20);
  for (int i = 0; i < 100; i++) offer(std::string(32 * 1024, 'b'));
  spool_.open(8, other.session(), other.keys().commit_key());
  spool_.add(8, other.offer(1, FrameKind::kIn, 1, "key"));
  RecordRequest request;
  ASSERT_TRUE(spool_.fill(&request));
  bool found = false;
  for (const auto& item : request.items()) found = found || item.session_handle() == 8;
  EXPECT_TRUE(found);
  EXPECT_LT(request.ByteSizeLong(), 512U * 1024);
}

// Whether handle 8, which was never sent, is in the next request.
TEST_F(SpoolTest, no_later_session_begins_while_an_earlier_one_is_bound_again) {
  Gate later(SessionId::mint(1'700'000'000'000'000'001), std::string(kCommitKeyBytes, 'o'),
             1 << 20);
  const auto next_begins_later = [this] {
    RecordRequest request;
    spool_.fill(&request);
    bool found = false;
    for (const auto& item : request.items()) found = found || item.session_handle() == 8;
    return found;
  };
  offer("a");
  sent();
  spool_.start_stream();
  spool_.open(8, later.session(), later.keys().commit_key());
  spool_.add(8, later.offer(0, FrameKind::kSessionOpen, 1, "b"));
  EXPECT_FALSE(next_begins_later());  // a Bind of 7
  EXPECT_FALSE(next_begins_later());
  ASSERT_TRUE(spool_.on_response(bound(0), &events_));
  EXPECT_FALSE(next_begins_later());  // the frame of 7
  EXPECT_TRUE(next_begins_later());
}

TEST_F(SpoolTest, a_later_session_begins_when_the_earlier_one_is_refused_or_forgotten) {
  Gate later(SessionId::mint(1'700'000'000'000'000'001), std::string(kCommitKeyBytes, 'o'),
             1 << 20);
  offer("a");
  sent();
  spool_.start_stream();
  spool_.open(8, later.session(), later.keys().commit_key());
  spool_.add(8, later.offer(0, FrameKind::kSessionOpen, 1, "b"));
  sent();
  ASSERT_TRUE(spool_.on_response(refusal(Refusal::CODE_MALFORMED), &events_));
  EXPECT_EQ(sent(), (Seqs{1}));
}

using SpoolDeathTest = SpoolTest;

TEST_F(SpoolDeathTest, frames_come_in_order) {
  offer("a");
  EXPECT_DEATH(spool_.add(7, frames_[0]), "seq == next");
}

TEST_F(SpoolDeathTest, a_handle_is_opened_once) {
  EXPECT_DEATH(spool_.open(7, gate_.session(), gate_.keys().commit_key()), "inserted");
}

TEST_F(SpoolDeathTest, nothing_comes_after_the_head_and_the_head_covers_everything) {
  offer("a");
  EXPECT_DEATH(spool_.close(7, {2, frames_[0]->root, "s", "k"}), "close.size == offered");
  spool_.close(7, {1, frames_[0]->root, "s", "k"});
  EXPECT_DEATH(spool_.close(7, {1, frames_[0]->root, "s", "k"}), "Head::kNone");
  EXPECT_DEATH(offer("b"), "Head::kNone");
}

TEST_F(SpoolDeathTest, a_request_is_filled_once) {
  offer("a");
  RecordRequest request;
  ASSERT_TRUE(spool_.fill(&request));
  EXPECT_DEATH(spool_.fill(&request), "items_size");
}

}  // namespace
}  // namespace gatetape::tee
