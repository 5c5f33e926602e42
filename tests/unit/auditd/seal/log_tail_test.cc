// What the sequencer refuses to go on with, and how an operator lets it.
#include "auditd/seal/log_tail.h"

#include <gmock/gmock.h>

#include "tests/unit/auditd/seal/seal_fixture.h"

namespace gatetape::auditd {
namespace {

using State = SequencerCore::State;
using testing::ElementsAre;
using testing::HasSubstr;

class LogTailTest : public SealTest {
 protected:
  void SetUp() override { grow(600); }
  // grow seals so many entries and publishes them.
  void grow(uint64_t count) {
    SequencerCore core = make_core();
    step(core);
    for (uint64_t n = 1; n <= count; n++) insert(heads_entry(recorder_, 'a', n + grown_));
    grown_ += count;
    step(core);
    publication_.publish(store_);
    events();
  }
  // restore_dump puts the database back to what it was: `dump` is a copy.
  void restore_dump(const MemorySealStore& dump) {
    const int64_t now_ns = store_.now_ns;
    store_ = dump;
    store_.now_ns = now_ns;
  }
  absl::Status tail() { return read_tail(store_, publication_, signer_.verifier_key()).status(); }
  uint64_t grown_ = 0;
};

TEST_F(LogTailTest, a_log_that_was_only_appended_to_goes_on) {
  const auto read = read_tail(store_, publication_, signer_.verifier_key());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->tree.head(), store_.tree.head());
  EXPECT_EQ(read->n, 2u);
  EXPECT_EQ(read->epoch, 1u);
}

TEST_F(LogTailTest, what_the_log_key_did_not_sign_is_refused) {
  const MemorySealStore good = store_;
  const auto refused = [&](const char* what) {
    const absl::Status status = tail();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    restore_dump(good);
  };
  store_.checkpoints.back().note[3] ^= 1;
  refused("checkpoint 2 of the database: ");
  store_.checkpoints.back().size--;
  refused("is of 604 leaves, and its row says 603");
  publication_.checkpoint.reset();
  store_.leaves.push_back(store_.leaves.back());
  refused("the database has 605 leaves, and its newest checkpoint 604");
  store_.tree = MemoryTree::of_size(604);
  refused("are not those of the newest checkpoint");
  publication_.publish(store_);
  publication_.checkpoint->at(3) ^= 1;
  refused("the checkpoint in publish_dir is not of this log");
}

TEST_F(LogTailTest, a_database_behind_what_was_published_is_refused) {
  const MemorySealStore dump = store_;
  grow(10);
  restore_dump(dump);
  SequencerCore core = make_core();
  EXPECT_EQ(step(core), 2 * kSecond);
  EXPECT_EQ(core.state(), State::kRefusing);
  EXPECT_TRUE(core.is_rolled_back());
  EXPECT_EQ(core.reason(),
            "the database is behind what was published: it has 604 leaves, and 615 were "
            "published; find out why, then run `gatetape log accept --reason TEXT`");
  EXPECT_THAT(events(), ElementsAre("log_rolled_back"));
  step(core, 2);
  EXPECT_THAT(events(), ElementsAre()) << "one line";
  EXPECT_EQ(store_.leaves.size(), 604u);
}

TEST_F(LogTailTest, another_tree_than_the_published_one_is_refused) {
  const MemorySealStore dump = store_;
  grow(10);
  const MemoryPublication published = publication_;
  restore_dump(dump);
  publication_.publish(store_);
  grow(20);  // the log key signs another history
  publication_ = published;
  SequencerCore core = make_core();
  step(core);
  EXPECT_TRUE(core.is_rolled_back());
  EXPECT_THAT(core.reason(), HasSubstr("another tree than the published checkpoint of 615"));
  publication_.acceptance = "no";
  step(core, 2);
  EXPECT_EQ(core.state(), State::kRefusing) << "nothing can be added again";
}

TEST_F(LogTailTest, an_accepted_rollback_adds_the_published_leaves_again) {
  const MemorySealStore dump = store_;
  grow(700);
  const std::vector<LogLeaf> leaves = store_.leaves;
  const Hash root = store_.tree.head().root;
  restore_dump(dump);
  publication_.acceptance = "restored after a disk was lost";
  SequencerCore core = make_core();
  step(core);
  EXPECT_EQ(core.state(), State::kSealing);
  EXPECT_EQ(notices_[0].reason, "restored after a disk was lost");
  EXPECT_THAT(events(), ElementsAre("log_rollback_accepted", "log_sequencing"));
  EXPECT_FALSE(publication_.acceptance.has_value());
  ASSERT_GT(store_.leaves.size(), leaves.size());
  for (size_t i = 0; i < leaves.size(); i++) {
    EXPECT_EQ(store_.leaves[i].entry, leaves[i].entry);
    EXPECT_EQ(store_.leaves[i].epoch, leaves[i].epoch);
  }
  EXPECT_EQ(store_.tree.head(leaves.size()).root, root);
  EXPECT_EQ(core.epoch(), 3u);
  expect_sealed();
}

TEST_F(LogTailTest, an_acceptance_that_is_not_needed_is_removed) {
  publication_.acceptance = "for the gateway";
  SequencerCore core = make_core();
  step(core);
  EXPECT_THAT(events(), ElementsAre("log_sequencing", "log_acceptance_unused"));
  EXPECT_FALSE(publication_.acceptance.has_value());
}

TEST_F(LogTailTest, published_entries_that_do_not_verify_are_not_added) {
  const MemorySealStore dump = store_;
  grow(10);
  restore_dump(dump);
  publication_.acceptance = "yes";
  publication_.entries[610] += "x";
  SequencerCore core = make_core();
  step(core);
  EXPECT_EQ(core.state(), State::kRefusing);
  EXPECT_THAT(core.reason(), HasSubstr("do not lead from the database to the checkpoint; restore "
                                       "publish_dir as it was, or a newer database"));
  publication_.entries.resize(600);
  step(core, 2);
  EXPECT_THAT(core.reason(), HasSubstr("is missing; restore publish_dir"));
  EXPECT_EQ(store_.leaves.size(), 604u);
  EXPECT_TRUE(publication_.acceptance.has_value());
}

}  // namespace
}  // namespace gatetape::auditd
