// The log as PostgreSQL stores it: nodes, leaves and checkpoints.

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "log/checkpoint.h"
#include "log/db/db_node_source.h"
#include "log/db/log_rows.h"
#include "tests/support/memory_tree.h"
#include "tests/support/pg_cluster.h"

namespace gatetape {
namespace {

// Two complete tiles of leaves and a partial one; and, with nodes alone, a tile of level 1.
constexpr uint64_t kLeaves = 700;

class LogDbTest : public testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t i = 0; i < kLeaves; i++) insert_leaf(i);
    for (uint64_t i = 0; i < kLeaves / 256; i++) insert_node(1, i, *tree_.node(8, i));
  }
  void insert_leaf(uint64_t index) {
    const auto stored =
        sealer_->query("insert into gatetape.log_leaf values ($1::bigint, $2::bytea, $3::bytea, 3)",
                       {number(index), PgParam::bytea(view(tree_.leaf(index))),
                        PgParam::bytea(absl::StrCat("entry ", index))});
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  void insert_node(int16_t level, uint64_t index, const Hash& hash) {
    const auto stored =
        sealer_->query("insert into gatetape.log_node values ($1::smallint, $2::bigint, $3::bytea)",
                       {PgParam::int2(level), number(index), PgParam::bytea(view(hash))});
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  void insert_checkpoint(int64_t n, uint64_t size) {
    const auto stored = sealer_->query(
        "insert into gatetape.checkpoint values ($1::bigint, $2::bigint, to_timestamp(1.5), 3, $3)",
        {PgParam::int8(n), number(size), PgParam::bytea(absl::StrCat("note ", n))});
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  // remove deletes rows as a superuser who has switched the guards off.
  void remove(const std::string& from) {
    const auto owner = PgCluster::shared().open(database_);
    ASSERT_TRUE(
        owner->run_script("set session_replication_role = replica; delete from gatetape." + from)
            .ok());
  }
  static PgParam number(uint64_t value) { return PgParam::int8(static_cast<int64_t>(value)); }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<Db> sealer_ = PgCluster::shared().open(database_, "gatetape_sealer");
  MemoryTree tree_ = MemoryTree::of_size(kLeaves);
};

TEST_F(LogDbTest, nodes_of_all_levels_equal_the_tree) {
  DbNodeSource source(*sealer_);
  for (uint32_t level = 0; level < 10; level++)
    for (uint64_t index = 0; index < kLeaves >> level; index++)
      ASSERT_EQ(source.node(level, index).value(), *tree_.node(level, index)) << level << index;
}

TEST_F(LogDbTest, proofs_from_the_database_verify) {
  const TreeHead head = tree_.head();
  DbNodeSource source(*sealer_);
  EXPECT_EQ(*tree_root(source, kLeaves), head.root);
  for (const uint64_t index : {uint64_t{0}, uint64_t{255}, uint64_t{256}, kLeaves - 1}) {
    const auto proof = inclusion_proof(source, index, kLeaves);
    ASSERT_TRUE(proof.ok()) << proof.status();
    EXPECT_TRUE(verify_inclusion(tree_.leaf(index), index, head, *proof).ok()) << index;
  }
  const auto grown = consistency_proof(source, 300, kLeaves);
  ASSERT_TRUE(grown.ok()) << grown.status();
  EXPECT_TRUE(verify_consistency(tree_.head(300), head, *grown).ok());
}

TEST_F(LogDbTest, a_block_at_the_end_is_read_again_when_the_log_has_grown) {
  DbNodeSource source(*sealer_);
  EXPECT_EQ(source.node(0, kLeaves - 1).value(), tree_.leaf(kLeaves - 1));
  tree_.append(absl::StrCat("entry ", kLeaves));
  insert_leaf(kLeaves);
  EXPECT_EQ(source.node(0, kLeaves).value(), tree_.leaf(kLeaves));
}

TEST_F(LogDbTest, a_hole_is_named) {
  remove("log_leaf where leaf_index = 300");
  remove("log_node where node_index = 1");
  DbNodeSource source(*sealer_);
  EXPECT_TRUE(source.node(0, 299).ok());
  EXPECT_EQ(source.node(3, 300 / 8).status(),
            absl::DataLossError("the stored log has a hole: level 0, hash 300 is missing"));
  EXPECT_EQ(source.node(8, 1).status(),
            absl::DataLossError("the stored log has a hole: level 8, hash 1 is missing"));
  EXPECT_EQ(tree_root(source, kLeaves).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LogDbTest, leaves_are_read_by_index_and_by_hash) {
  const auto leaf = read_leaf(*sealer_, 256);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->entry, "entry 256");
  EXPECT_EQ(leaf->leaf, view(tree_.leaf(256)));
  EXPECT_EQ(leaf->epoch, 3u);
  EXPECT_EQ(read_leaf(*sealer_, kLeaves).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(find_leaf(*sealer_, tree_.leaf(699))->index, 699u);
  EXPECT_EQ(find_leaf(*sealer_, Hash{}).status().code(), absl::StatusCode::kNotFound);
  const auto page = read_leaves(*sealer_, 698, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ(page->back().index, 699u);
  EXPECT_EQ((*last_leaf(*sealer_))->index, 699u);
  remove("log_leaf");
  EXPECT_FALSE(last_leaf(*sealer_)->has_value());
}

TEST_F(LogDbTest, checkpoints_are_read_with_the_newest_one_last) {
  EXPECT_FALSE(newest_checkpoint(*sealer_)->has_value());
  EXPECT_EQ(checkpoint_covering(*sealer_, 0).status().code(), absl::StatusCode::kNotFound);
  for (int64_t n = 1; n <= 3; n++) insert_checkpoint(n, static_cast<uint64_t>(n) * 10);
  const auto newest = newest_checkpoint(*sealer_);
  ASSERT_TRUE(newest.ok() && newest->has_value()) << newest.status();
  EXPECT_EQ((*newest)->n, 3u);
  EXPECT_EQ((*newest)->size, 30u);
  EXPECT_EQ((*newest)->at_ns, 1'500'000'000);
  EXPECT_EQ((*newest)->epoch, 3u);
  EXPECT_EQ((*newest)->note, "note 3");
  const auto last = newest_checkpoints(*sealer_, 2);
  ASSERT_EQ(last->size(), 2u);
  EXPECT_EQ(last->front().n, 2u);
  EXPECT_EQ(checkpoint_covering(*sealer_, 29)->n, 3u);
  EXPECT_EQ(checkpoint_covering(*sealer_, 30).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gatetape
