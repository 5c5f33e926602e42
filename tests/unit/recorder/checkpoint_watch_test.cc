// What a writer learns of the log: the newest checkpoint at once, each newer one with its proof,
// and a log that has less than the writer knows.
#include "recorder/checkpoint_watch.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "log/proof.h"
#include "tests/support/memory_tree.h"
#include "tests/support/pg_cluster.h"

namespace gatetape::recorder {
namespace {

class Writer : public CheckpointSink {
 public:
  bool on_checkpoint(const record::v1::Checkpoint& checkpoint) override {
    const absl::MutexLock lock(&mutex_);
    if (is_busy_) return false;
    got_.push_back(checkpoint);
    return true;
  }
  void set_busy(bool is_busy) {
    const absl::MutexLock lock(&mutex_);
    is_busy_ = is_busy;
  }
  // wait_for returns the checkpoints when there are `count`.
  std::vector<record::v1::Checkpoint> wait_for(size_t count) {
    const absl::MutexLock lock(&mutex_);
    const auto has_them = [this, count] {
      mutex_.AssertReaderHeld();
      return got_.size() >= count;
    };
    mutex_.Await(absl::Condition(&has_them));
    return got_;
  }

 private:
  absl::Mutex mutex_;
  bool is_busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<record::v1::Checkpoint> got_ ABSL_GUARDED_BY(mutex_);
};

class CheckpointWatchTest : public testing::Test {
 protected:
  // grow adds leaves up to `size`, and checkpoint number `n` over them.
  void grow(int64_t n, uint64_t size) {
    for (; leaves_ < size; leaves_++)
      run(absl::StrCat("insert into gatetape.log_leaf values (", leaves_, ", '",
                       escaped(tree_.leaf(leaves_)), "', 'e', 1)"));
    run(absl::StrCat("insert into gatetape.checkpoint values (", n, ", ", size,
                     ", now(), 1, 'note ", n, "')"));
  }
  static std::string escaped(const Hash& hash) { return "\\x" + to_hex(view(hash)); }
  void run(const std::string& sql) {
    const absl::Status ran = owner_->run_script(sql);
    ASSERT_TRUE(ran.ok()) << ran;
  }
  void forget(const std::string& from) {
    run("set session_replication_role = replica; delete from gatetape." + from);
  }
  void expect_extends(const record::v1::Checkpoint& news, uint64_t old_size, uint64_t size) {
    EXPECT_EQ(news.old_size(), old_size);
    std::vector<Hash> proof;
    for (const std::string& hash : news.consistency_proof())
      ASSERT_TRUE(to_hash(hash, &proof.emplace_back()));
    const absl::Status extends = verify_consistency({old_size, *tree_root(tree_, old_size)},
                                                    {size, *tree_root(tree_, size)}, proof);
    EXPECT_TRUE(extends.ok()) << extends;
  }

  MemoryTree tree_ = MemoryTree::of_size(9);
  uint64_t leaves_ = 0;
  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<Db> owner_ = PgCluster::shared().open(database_);
  std::shared_ptr<Writer> writer_ = std::make_shared<Writer>();
  CheckpointWatch watch_{
      {.conninfo = PgCluster::shared().conninfo(database_, "gatetape_recorder"), .timeout_s = 5}};
};

TEST_F(CheckpointWatchTest, each_newer_checkpoint_comes_with_its_proof) {
  grow(1, 5);
  watch_.ask(writer_, 3);
  const auto first = writer_->wait_for(1);
  EXPECT_EQ(first[0].note(), "note 1");
  expect_extends(first[0], 3, 5);
  grow(2, 9);
  const auto second = writer_->wait_for(2);
  EXPECT_EQ(second[1].note(), "note 2");
  expect_extends(second[1], 5, 9);
}

TEST_F(CheckpointWatchTest, a_log_without_a_checkpoint_says_so) {
  watch_.ask(writer_, 0);
  EXPECT_EQ(writer_->wait_for(1)[0].note(), "");
  grow(1, 2);
  expect_extends(writer_->wait_for(2)[1], 0, 2);
}

TEST_F(CheckpointWatchTest, a_log_that_lost_leaves_is_sent_without_a_proof) {
  grow(1, 5);
  watch_.ask(writer_, 7);
  EXPECT_EQ(writer_->wait_for(1)[0].old_size(), 7u);
  EXPECT_EQ(writer_->wait_for(1)[0].consistency_proof_size(), 0);
  const auto other = std::make_shared<Writer>();
  forget("log_leaf where leaf_index = 4");
  watch_.ask(other, 3);
  EXPECT_EQ(other->wait_for(1)[0].note(), "note 1");
  EXPECT_EQ(other->wait_for(1)[0].consistency_proof_size(), 0);
}

TEST_F(CheckpointWatchTest, checkpoints_that_disappear_are_news) {
  grow(1, 2);
  grow(2, 5);
  watch_.ask(writer_, 2);
  EXPECT_EQ(writer_->wait_for(1)[0].note(), "note 2");
  forget("checkpoint where n = 2");
  EXPECT_EQ(writer_->wait_for(2)[1].note(), "note 1");
  EXPECT_EQ(writer_->wait_for(2)[1].old_size(), 5u);
}

TEST_F(CheckpointWatchTest, what_a_busy_stream_does_not_take_is_offered_again) {
  grow(1, 2);
  writer_->set_busy(true);
  watch_.ask(writer_, 0);
  const auto other = std::make_shared<Writer>();
  watch_.ask(other, 0);
  other->wait_for(1);  // the watch has offered it to both
  grow(2, 5);
  writer_->set_busy(false);
  const auto got = writer_->wait_for(1);
  expect_extends(got[0], 0, got[0].note() == "note 1" ? 2 : 5);
}

}  // namespace
}  // namespace gatetape::recorder
