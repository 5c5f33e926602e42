// The guard against an older database: which news of the log let sessions be opened, which do not,
// and what an operator's acceptance changes.
#include "gateway/checkpoint_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/memory_tree.h"

namespace gatetape::gateway {
namespace {

using State = CheckpointGuard::State;
using testing::HasSubstr;

constexpr char kOrigin[] = "gw.gatetape/log";

class CheckpointGuardTest : public testing::Test {
 protected:
  CheckpointGuardTest() {
    for (uint64_t i = 0; i < tree_.size(); i++) other_.append("other " + std::to_string(i));
  }
  std::string note(uint64_t size, MemoryTree& tree, const NoteSigner& signer) const {
    return sign_checkpoint({kOrigin, {size, *tree_root(tree, size)}, ""}, signer).to_text();
  }
  std::string note(uint64_t size) { return note(size, tree_, log_); }
  LogNews news(uint64_t old_size, uint64_t size) {
    return {note(size), old_size,
            old_size <= size ? *consistency_proof(tree_, old_size, size) : std::vector<Hash>()};
  }
  CheckpointGuard guard(const std::string& kept) { return {{log_.verifier_key()}, kept}; }
  CheckpointGuard rolled_back() {
    CheckpointGuard guard = this->guard(note(7));
    EXPECT_TRUE(guard.on_news(news(7, 5)).has_value());
    return guard;
  }

  NoteSigner log_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  NoteSigner stranger_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  MemoryTree tree_ = MemoryTree::of_size(9);
  MemoryTree other_;  // of as many other entries
};

TEST_F(CheckpointGuardTest, the_first_signed_checkpoint_is_kept_and_sessions_do_not_wait_for_it) {
  CheckpointGuard guard = this->guard("");
  EXPECT_EQ(guard.state(), State::kNothingKept);
  EXPECT_EQ(guard.refusal(), "");
  EXPECT_FALSE(guard.on_news({}).has_value());
  EXPECT_EQ(guard.state(), State::kNothingKept);
  EXPECT_FALSE(guard.to_keep().has_value());
  EXPECT_FALSE(guard.on_news(news(0, 3)).has_value());
  EXPECT_EQ(guard.state(), State::kGood);
  EXPECT_EQ(guard.to_keep(), note(3));
  EXPECT_EQ(guard.known_size(), 3u);
}

TEST_F(CheckpointGuardTest, with_a_kept_checkpoint_sessions_wait_for_the_recorders_word) {
  CheckpointGuard guard = this->guard(note(5));
  EXPECT_EQ(guard.state(), State::kUnchecked);
  EXPECT_THAT(guard.refusal(), HasSubstr("the recorder has not said"));
  EXPECT_EQ(guard.known_size(), 5u);
  EXPECT_FALSE(guard.on_news(news(5, 5)).has_value());
  EXPECT_EQ(guard.state(), State::kGood);
  EXPECT_EQ(guard.refusal(), "");
  EXPECT_FALSE(guard.to_keep().has_value());
}

TEST_F(CheckpointGuardTest, each_newer_checkpoint_is_kept_once) {
  CheckpointGuard guard = this->guard(note(5));
  guard.on_news(news(5, 7));
  EXPECT_EQ(guard.to_keep(), note(7));
  guard.on_written(note(7));
  EXPECT_FALSE(guard.to_keep().has_value());
  guard.on_news(news(7, 7));
  EXPECT_FALSE(guard.to_keep().has_value());
  guard.on_news(news(7, 9));
  EXPECT_EQ(guard.to_keep(), note(9));
  EXPECT_EQ(guard.known_size(), 9u);
}

TEST_F(CheckpointGuardTest, the_same_tree_with_more_cosignatures_is_nothing_new) {
  CheckpointGuard guard = this->guard(note(5));
  LogNews cosigned = news(5, 5);
  SignedNote signed_note = *SignedNote::parse(cosigned.note);
  signed_note.sign({"w", NoteKeyType::kCosignature, SigningKey::generate()}, 1);
  cosigned.note = signed_note.to_text();
  EXPECT_FALSE(guard.on_news(cosigned).has_value());
  EXPECT_EQ(guard.state(), State::kGood);
  EXPECT_FALSE(guard.to_keep().has_value());
}

TEST_F(CheckpointGuardTest, what_does_not_extend_the_kept_checkpoint_is_a_rollback) {
  LogNews forked = news(5, 9);
  forked.note = note(9, other_, log_);
  LogNews same_size = news(5, 5);
  same_size.note = note(5, other_, log_);
  LogNews foreign = news(5, 9);
  foreign.note = note(9, tree_, stranger_);
  LogNews unproven = news(5, 9);
  unproven.proof.clear();
  LogNews from_elsewhere = news(6, 9);
  const struct {
    const char* what;
    LogNews news;
    uint64_t found_size;
    const char* word;
  } kRows[] = {
      {"older", news(5, 4), 4, "its log has 4 entries, and had 5"},
      {"empty", {.old_size = 5}, 0, "holds no checkpoint"},
      {"another log", forked, 9, "is another one"},
      {"another tree of that size", same_size, 5, "is another one"},
      {"signed by a stranger", foreign, 0, "not of the log that this gateway trusts"},
      {"no note", {.note = "x", .old_size = 5}, 0, "not of the log that this gateway trusts"},
      {"no proof", unproven, 9, "is another one"},
      {"a proof from another size", from_elsewhere, 9, "is another one"},
  };
  for (const auto& row : kRows) {
    for (const bool was_good : {false, true}) {
      CheckpointGuard guard = this->guard(note(5));
      if (was_good) guard.on_news(news(5, 5));
      const auto rollback = guard.on_news(row.news);
      ASSERT_TRUE(rollback.has_value()) << row.what;
      EXPECT_EQ(rollback->seen_size, 5u) << row.what;
      EXPECT_EQ(rollback->found_size, row.found_size) << row.what;
      EXPECT_EQ(guard.state(), State::kRolledBack) << row.what;
      EXPECT_THAT(guard.refusal(), HasSubstr(row.word)) << row.what;
      EXPECT_THAT(guard.refusal(), HasSubstr("gatetape log accept")) << row.what;
      EXPECT_FALSE(guard.to_keep().has_value()) << row.what;
      EXPECT_EQ(guard.known_size(), 5u) << row.what;
    }
  }
}

TEST_F(CheckpointGuardTest, a_first_checkpoint_that_the_log_did_not_sign_refuses_sessions) {
  CheckpointGuard guard = this->guard("");
  EXPECT_TRUE(guard.on_news({.note = note(3, tree_, stranger_)}).has_value());
  EXPECT_NE(guard.refusal(), "");
}

TEST_F(CheckpointGuardTest, nothing_extends_a_kept_text_that_the_log_did_not_sign) {
  for (const std::string& kept : {note(3, tree_, stranger_), std::string("damaged")}) {
    CheckpointGuard guard = this->guard(kept);
    EXPECT_EQ(guard.state(), State::kUnchecked);
    const auto rollback = guard.on_news(news(0, 9));
    ASSERT_TRUE(rollback.has_value());
    EXPECT_EQ(rollback->seen_size, 0u);
    guard.on_accepted();
    EXPECT_EQ(guard.to_keep(), note(9));
  }
}

TEST_F(CheckpointGuardTest, a_rollback_is_seen_once) {
  CheckpointGuard guard = rolled_back();
  EXPECT_FALSE(guard.on_news(news(5, 6)).has_value());
  EXPECT_EQ(guard.state(), State::kRolledBack);
}

TEST_F(CheckpointGuardTest, the_log_grows_past_the_seen_size_and_is_still_refused) {
  CheckpointGuard guard = rolled_back();
  guard.on_news(news(5, 9));
  EXPECT_EQ(guard.state(), State::kRolledBack);
}

TEST_F(CheckpointGuardTest, the_newer_database_is_back) {
  CheckpointGuard guard = rolled_back();
  EXPECT_FALSE(guard.on_news(news(7, 9)).has_value());
  EXPECT_EQ(guard.state(), State::kGood);
  EXPECT_EQ(guard.refusal(), "");
  EXPECT_EQ(guard.to_keep(), note(9));
}

TEST_F(CheckpointGuardTest, an_accepted_log_goes_on_from_what_was_found) {
  CheckpointGuard guard = rolled_back();
  EXPECT_EQ(guard.acceptable(), note(5));
  guard.on_accepted();
  EXPECT_EQ(guard.state(), State::kGood);
  EXPECT_EQ(guard.refusal(), "");
  EXPECT_EQ(guard.to_keep(), note(5));
  EXPECT_FALSE(guard.on_news(news(5, 9)).has_value());
  EXPECT_EQ(guard.known_size(), 9u);
  EXPECT_TRUE(guard.on_news(news(9, 5)).has_value());
}

TEST_F(CheckpointGuardTest, an_accepted_database_without_a_checkpoint_is_a_new_start) {
  CheckpointGuard guard = this->guard(note(7));
  guard.on_news({.old_size = 7});
  EXPECT_EQ(guard.acceptable(), "");
  guard.on_accepted();
  EXPECT_EQ(guard.state(), State::kNothingKept);
  EXPECT_EQ(guard.to_keep(), "");
  EXPECT_EQ(guard.known_size(), 0u);
  guard.on_news(news(0, 3));
  EXPECT_EQ(guard.state(), State::kGood);
}

TEST_F(CheckpointGuardTest, a_second_key_of_the_log_signs_as_well) {
  CheckpointGuard guard({stranger_.verifier_key(), log_.verifier_key()}, note(5));
  EXPECT_FALSE(guard.on_news(news(5, 7)).has_value());
  EXPECT_EQ(guard.state(), State::kGood);
}

}  // namespace
}  // namespace gatetape::gateway
