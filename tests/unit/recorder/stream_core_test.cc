// The promises of a Record call: limits end it, work keeps its order, what is answered when, and
// how it ends.
#include "recorder/stream_core.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/test_session.h"

namespace gatetape::recorder {
namespace {

using record::v1::Item;
using record::v1::RecordRequest;
using record::v1::RecordResponse;
using Code = record::v1::Refusal;
using Turn = AnswerCore::Turn;

class SilentLane : public Lane {
 public:
  void on_bound(uint32_t, const Tail&) override {}
  void on_durable(uint32_t, uint64_t, const Hash&) override {}
  void on_closed(uint32_t, const SignedHead&) override {}
  void on_refused(uint32_t, const Refusal&) override {}
  void on_failed(const absl::Status&) override {}
  void on_finished() override {}
};

Tail stored(const TestSession& session) {
  Tail tail;
  tail.last_seq = session.range().size();
  tail.root = session.root();
  tail.commit_key = session.keys().commit_key();
  tail.format_version = static_cast<int16_t>(session.keys().version());
  return tail;
}

class RequestCoreTest : public testing::Test {
 protected:
  RequestCore::Taken take(const std::vector<Item>& items, std::vector<HandleTail> tails = {}) {
    RecordRequest request;
    for (const Item& item : items) *request.add_items() = item;
    return core_->take(std::move(request), tails, lane_);
  }
  Item open() { return session_.item(session_.open()); }
  Item input() { return session_.item(session_.next(FrameKind::kIn, "x")); }
  static std::vector<Work::Kind> kinds(const RequestCore::Taken& taken) {
    std::vector<Work::Kind> kinds;
    for (const Work& work : taken.work) kinds.push_back(work.kind);
    return kinds;
  }

  const SigningKey key_ = SigningKey::generate();
  const SigningKey gateway_key_ = SigningKey::generate();
  std::shared_ptr<SilentLane> lane_ = std::make_shared<SilentLane>();
  std::unique_ptr<RequestCore> core_ =
      std::make_unique<RequestCore>(RequestCore::Options{.key = &key_});
  TestSession session_{7};
};

TEST_F(RequestCoreTest, items_become_work_in_their_order) {
  const Item first = open();
  const Item second = input();
  const RequestCore::Taken taken =
      take({session_.bind(true), first, second, session_.close(gateway_key_)});
  ASSERT_TRUE(taken.status.ok());
  EXPECT_TRUE(taken.refusals.empty());
  using Kind = Work::Kind;
  ASSERT_EQ(kinds(taken), (std::vector<Kind>{Kind::kFrame, Kind::kFrame, Kind::kClose}));
  EXPECT_EQ(taken.work[0].keys->commit_key(), session_.keys().commit_key());
  EXPECT_TRUE(taken.work[0].derived != nullptr);
  EXPECT_TRUE(taken.work[1].keys == nullptr);
  EXPECT_EQ(taken.work[1].root, session_.root());
  const SignedHead& head = *taken.work[2].head;
  EXPECT_EQ(head.head.size, 2U);
  EXPECT_TRUE(key_.public_key().verify(session_.head().signed_text(), head.recorder_signature));
}

TEST_F(RequestCoreTest, a_limit_of_the_stream_ends_it_without_work) {
  struct Row {
    const char* name;
    int items;
    size_t payload_bytes;
    bool ok;
  };
  const Row rows[] = {{"the most items", RequestCore::kItemsMax, 0, true},
                      {"an item more", RequestCore::kItemsMax + 1, 0, false},
                      {"the most payload", 1, RequestCore::kRequestPayloadBytesMax, true},
                      {"a byte more", 1, RequestCore::kRequestPayloadBytesMax + 1, false}};
  for (const Row& row : rows) {
    core_ = std::make_unique<RequestCore>(RequestCore::Options{.key = &key_});
    Item item = session_.bind(false);
    item.set_payload(std::string(row.payload_bytes, 'x'));
    const RequestCore::Taken taken = take(std::vector<Item>(static_cast<size_t>(row.items), item));
    EXPECT_EQ(taken.status.ok(), row.ok) << row.name;
    EXPECT_EQ(taken.work.empty(), !row.ok) << row.name;
    if (!row.ok) {
      EXPECT_EQ(taken.status.code(), absl::StatusCode::kInvalidArgument) << row.name;
    }
  }
}

TEST_F(RequestCoreTest, a_refusal_is_returned_once) {
  const Item early = input();
  const RequestCore::Taken taken = take({session_.bind(true), early, early});
  ASSERT_EQ(taken.refusals.size(), 1U);
  EXPECT_EQ(taken.refusals[0].handle, 7U);
  EXPECT_EQ(taken.refusals[0].refusal.code, Code::CODE_MALFORMED);
  EXPECT_TRUE(taken.work.empty());
}

TEST_F(RequestCoreTest, a_session_resumes_behind_what_the_store_holds) {
  session_.open();
  const std::vector<HandleTail> tails = {{7, stored(session_)}};
  using Kind = Work::Kind;
  EXPECT_EQ(kinds(take({session_.bind(false)})), std::vector<Kind>{Kind::kBind});
  const Item resume = session_.resume();
  EXPECT_EQ(kinds(take({resume, input()}, tails)), std::vector<Kind>{Kind::kFrame});
}

TEST_F(RequestCoreTest, the_tail_of_another_key_is_refused_and_that_of_a_closed_session_is_not) {
  session_.open();
  for (const bool has_head : {false, true}) {
    core_ = std::make_unique<RequestCore>(RequestCore::Options{.key = &key_});
    Tail tail = stored(session_);
    tail.commit_key = std::string(kCommitKeyBytes, 'k');
    tail.has_head = has_head;
    take({session_.bind(false)});
    EXPECT_EQ(take({}, {{7, tail}}).refusals.empty(), has_head);  // on_bound refused it already
  }
}

TEST_F(RequestCoreTest, a_handle_is_free_again_after_the_close) {
  const Item first = open();
  take({session_.bind(true), first, session_.close(gateway_key_)});
  session_ = TestSession(7);
  const Item again = open();
  EXPECT_EQ(take({session_.bind(true), again}).work.size(), 1U);
}

using RequestCoreDeathTest = RequestCoreTest;

TEST_F(RequestCoreDeathTest, nothing_is_taken_after_the_finish) {
  EXPECT_EQ(core_->finish(lane_).kind, Work::Kind::kFinish);
  EXPECT_DEATH(take({session_.bind(true)}), "state_ == State::kReading");
  EXPECT_DEATH(core_->finish(lane_), "state_ != State::kFinished");
}

TEST_F(RequestCoreDeathTest, nothing_is_taken_after_a_broken_limit) {
  take(std::vector<Item>(RequestCore::kItemsMax + 1, session_.bind(true)));
  EXPECT_DEATH(take({}), "state_ == State::kReading");
}

class AnswerCoreTest : public testing::Test {
 protected:
  RecordResponse fill() {
    RecordResponse response;
    core_.fill(&response);
    return response;
  }
  AnswerCore core_;
};

TEST_F(AnswerCoreTest, the_writer_has_a_turn_when_there_is_something_to_say) {
  struct Row {
    const char* name;
    void (*act)(AnswerCore*);
    Turn turn;
  };
  const Row rows[] = {
      {"nothing", [](AnswerCore*) {}, Turn::kWait},
      {"an answer", [](AnswerCore* core) { core->on_durable(1, 1, Hash{}); }, Turn::kWrite},
      {"a refusal",
       [](AnswerCore* core) {
         core->on_refused(1, {Code::CODE_GAP, "x"});
       },
       Turn::kWrite},
      {"draining", [](AnswerCore* core) { core->drain(); }, Turn::kWrite},
      {"all is answered", [](AnswerCore* core) { core->on_finished(); }, Turn::kReturn},
      {"the last answers",
       [](AnswerCore* core) {
         core->on_durable(1, 1, Hash{});
         core->on_finished();
       },
       Turn::kWrite},
      {"the call was ended, and the committer still has work",
       [](AnswerCore* core) {
         core->on_durable(1, 1, Hash{});
         core->end(absl::UnavailableError("x"));
       },
       Turn::kWait},
      {"the call was ended, and all is answered",
       [](AnswerCore* core) {
         core->end(absl::UnavailableError("x"));
         core->on_durable(1, 1, Hash{});
         core->on_finished();
       },
       Turn::kReturn},
  };
  for (const Row& row : rows) {
    AnswerCore core;
    row.act(&core);
    EXPECT_EQ(core.turn(), row.turn) << row.name;
  }
}

TEST_F(AnswerCoreTest, the_status_says_how_the_call_ended) {
  struct Row {
    const char* name;
    bool drained;
    bool ended;
    absl::StatusCode code;
  };
  const Row rows[] = {{"a half-close", false, false, absl::StatusCode::kOk},
                      {"draining", true, false, absl::StatusCode::kUnavailable},
                      {"a limit", false, true, absl::StatusCode::kInvalidArgument},
                      {"a limit while draining", true, true, absl::StatusCode::kInvalidArgument}};
  for (const Row& row : rows) {
    AnswerCore core;
    if (row.drained) core.drain();
    if (row.ended) {
      EXPECT_TRUE(core.end(absl::InvalidArgumentError("limit"))) << row.name;
      EXPECT_FALSE(core.end(absl::UnavailableError("later"))) << row.name;
    }
    core.on_finished();
    EXPECT_EQ(core.take_status().code(), row.code) << row.name;
    EXPECT_FALSE(core.end(absl::CancelledError("much later"))) << row.name;
  }
}

TEST_F(AnswerCoreTest, a_closed_session_is_told_what_is_durable_before_its_refusal) {
  Tail tail;
  tail.last_seq = 3;
  tail.has_head = true;
  core_.on_bound(7, tail);
  const RecordResponse response = fill();
  ASSERT_EQ(response.answers_size(), 2);
  EXPECT_EQ(response.answers(0).bound().seq(), 3U);
  EXPECT_EQ(response.answers(1).refusal().code(), Code::CODE_CLOSED);
  EXPECT_EQ(core_.take_tails().size(), 1U);
  EXPECT_TRUE(core_.take_tails().empty());
}

TEST_F(AnswerCoreTest, draining_is_said_once) {
  core_.drain();
  EXPECT_TRUE(fill().draining());
  core_.drain();
  EXPECT_EQ(core_.turn(), Turn::kWait);
  core_.on_durable(1, 1, Hash{});
  EXPECT_FALSE(fill().draining());
}

using AnswerCoreDeathTest = AnswerCoreTest;

TEST_F(AnswerCoreDeathTest, nothing_is_answered_after_the_last_work) {
  core_.on_finished();
  EXPECT_DEATH(core_.on_durable(1, 1, Hash{}), "State::kServing");
  EXPECT_DEATH(core_.on_finished(), "State::kServing");
}

TEST_F(AnswerCoreDeathTest, nothing_is_written_without_a_turn) {
  EXPECT_DEATH(fill(), "Turn::kWrite");
  EXPECT_DEATH(core_.end(absl::OkStatus()), "why.ok");
}

TEST_F(AnswerCoreDeathTest, a_call_returns_once_and_only_when_all_is_answered) {
  EXPECT_DEATH((void)core_.take_status(), "Turn::kReturn");
  core_.on_finished();
  EXPECT_TRUE(core_.take_status().ok());
  EXPECT_DEATH((void)core_.take_status(), "State::kReturned");
  EXPECT_DEATH((void)core_.take_tails(), "State::kReturned");
}

TEST_F(AnswerCoreDeathTest, what_is_durable_or_closed_has_frames) {
  EXPECT_DEATH(core_.on_durable(7, 0, Hash{}), "seq > 0");
  EXPECT_DEATH(core_.on_closed(7, SignedHead()), "head.head.size > 0");
}

TEST_F(AnswerCoreDeathTest, what_is_durable_only_grows) {
  core_.on_durable(7, 5, Hash{});
  EXPECT_DEATH(core_.on_durable(7, 5, Hash{}), "durable->seq");
}

TEST_F(AnswerCoreTest, a_checkpoint_is_written_once_and_none_passes_another) {
  record::v1::Checkpoint checkpoint;
  checkpoint.set_note("first");
  EXPECT_EQ(core_.turn(), Turn::kWait);
  EXPECT_TRUE(core_.on_checkpoint(checkpoint));
  EXPECT_FALSE(core_.on_checkpoint({}));
  EXPECT_EQ(core_.turn(), Turn::kWrite);
  EXPECT_EQ(fill().checkpoint().note(), "first");
  EXPECT_EQ(core_.turn(), Turn::kWait);
  EXPECT_TRUE(core_.on_checkpoint(checkpoint));
}

TEST_F(AnswerCoreTest, a_checkpoint_keeps_no_call_open) {
  EXPECT_TRUE(core_.on_checkpoint({}));
  core_.on_finished();
  EXPECT_EQ(core_.turn(), Turn::kReturn);
  EXPECT_FALSE(core_.on_checkpoint({}));
}

}  // namespace
}  // namespace gatetape::recorder
