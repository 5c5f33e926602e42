// Nothing that was asked or loaded has an effect before its frame is durable.
#include "gateway/session/recorded_answers.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "gateway/session/access_rules.h"

namespace gatetape::gateway {
namespace {

const absl::Status kRecorded = absl::OkStatus();
const absl::Status kLost = absl::UnavailableError("the recorder is gone");

class RecordedAnswersTest : public testing::Test, public RecordedAnswers::Port {
 protected:
  void record(uint64_t number, FrameKind, const Event&) override { asked_.push_back(number); }
  void on_unrecorded(const absl::Status& why) override { unrecorded_.push_back(why); }
  void ask(int64_t now_ns) {
    answers_.ask(FrameKind::kAuthAttempt, Event{}, now_ns,
                 [this, held = held_, number = asked_.size() + 1] { answered_.push_back(number); });
  }

  std::vector<uint64_t> asked_;
  std::vector<uint64_t> answered_;
  std::vector<absl::Status> unrecorded_;
  std::shared_ptr<int> held_ = std::make_shared<int>();  // what an answer owns
  RecordedAnswers answers_{*this};
};

TEST_F(RecordedAnswersTest, an_answer_waits_for_its_own_record) {
  ask(100);
  ask(150);
  EXPECT_EQ(asked_, (std::vector<uint64_t>{1, 2}));
  EXPECT_TRUE(answered_.empty());
  EXPECT_EQ(answers_.waiting_ns(400), 300);
  answers_.on_recorded(1, kRecorded);
  EXPECT_EQ(answered_, (std::vector<uint64_t>{1}));
  EXPECT_EQ(answers_.waiting_ns(400), 250);
  answers_.on_recorded(2, kRecorded);
  EXPECT_EQ(answered_, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(answers_.waiting_ns(400), 0);
  EXPECT_EQ(held_.use_count(), 1);
}

TEST_F(RecordedAnswersTest, what_is_not_recorded_is_never_answered) {
  ask(100);
  answers_.on_recorded(1, kLost);
  EXPECT_TRUE(answered_.empty());
  EXPECT_EQ(unrecorded_, (std::vector<absl::Status>{kLost}));
  EXPECT_EQ(answers_.waiting(), 0u);
  EXPECT_EQ(held_.use_count(), 1) << "the answer still owns what it was to send";
}

using RecordedAnswersDeathTest = RecordedAnswersTest;

TEST_F(RecordedAnswersDeathTest, a_question_has_one_result) {
  ask(100);
  answers_.on_recorded(1, kRecorded);
  EXPECT_DEATH(answers_.on_recorded(1, kRecorded), "node.empty");
}

TEST(AccessLoadTest, rules_take_effect_when_their_load_is_durable) {
  const absl::StatusOr<Access> refused = absl::InvalidArgumentError("line 3");
  const struct {
    const char* what;
    absl::StatusOr<Access> file;
    absl::Status recorded;
    bool takes_effect;
  } rows[] = {{"a good file", Access(), kRecorded, true},
              {"a load that is not recorded", Access(), kLost, false},
              {"a refused file", refused, kRecorded, false}};
  for (const auto& row : rows) {
    const AccessLoad load({.path = "access.toml"}, row.file);
    AccessLoad::Done done;
    std::shared_ptr<const Access> in_force;
    load.take_effect(
        [&](FrameKind kind, const Event&, AccessLoad::Done recorded) {
          EXPECT_EQ(kind, FrameKind::kAccessLoad);
          done = std::move(recorded);
        },
        [&](std::shared_ptr<const Access> rules) { in_force = std::move(rules); });
    EXPECT_EQ(in_force, nullptr) << row.what;
    done(row.recorded);
    EXPECT_EQ(in_force != nullptr, row.takes_effect) << row.what;
  }
}

}  // namespace
}  // namespace gatetape::gateway
