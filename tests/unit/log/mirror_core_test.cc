#include "log/mirror_core.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/memory_tree.h"

namespace gatetape {
namespace {

constexpr char kOrigin[] = "gw.gatetape/log";

// Published is what a tree of `size` has as files.
class Published : public TileReader {
 public:
  Published(MemoryTree& tree, uint64_t size) {
    for (const TileName& name : new_tiles(0, size))
      if (!name.is_bundle) files[name.path()] = *make_tile(tree, name);
  }
  absl::StatusOr<std::string> read(const TileName& name) override {
    const auto found = files.find(name.path());
    if (found == files.end()) return absl::NotFoundError("no " + name.path());
    return found->second;
  }
  std::map<std::string, std::string> files;
};

MemoryTree other_history(uint64_t common, uint64_t size) {
  MemoryTree tree = MemoryTree::of_size(common);
  for (uint64_t i = common; i < size; i++) tree.append("forged " + std::to_string(i));
  return tree;
}

Checkpoint at(MemoryTree& tree, uint64_t size) { return {kOrigin, tree.head(size), ""}; }

class MirrorCoreTest : public testing::Test {
 protected:
  static MirrorVerdict judge(const Checkpoint& kept, const Checkpoint& found, Published published) {
    const auto finding = judge_checkpoint(&kept, found, published);
    EXPECT_TRUE(finding.ok()) << finding.status();
    if (!finding.ok()) return MirrorVerdict::kFirst;
    EXPECT_EQ(is_good(finding->verdict), finding->reason.empty()) << finding->reason;
    return finding->verdict;
  }
  MemoryTree tree_ = MemoryTree::of_size(700);
};

TEST_F(MirrorCoreTest, the_first_checkpoint_has_nothing_to_be_compared_with) {
  Published nothing(tree_, 0);
  EXPECT_EQ(judge_checkpoint(nullptr, at(tree_, 5), nothing)->verdict, MirrorVerdict::kFirst);
}

TEST_F(MirrorCoreTest, a_log_that_only_grows_is_extended) {
  for (const uint64_t old_size : {0U, 1U, 2U, 255U, 256U, 257U, 512U, 699U})
    for (const uint64_t size : {1U, 256U, 300U, 512U, 700U}) {
      if (size <= old_size) continue;
      EXPECT_EQ(judge(at(tree_, old_size), at(tree_, size), Published(tree_, size)),
                MirrorVerdict::kExtended)
          << old_size << " " << size;
    }
  EXPECT_EQ(judge(at(tree_, 300), at(tree_, 300), Published(tree_, 0)), MirrorVerdict::kSame);
}

TEST_F(MirrorCoreTest, a_fork_is_named_wherever_it_begins) {
  for (const uint64_t common : {0U, 1U, 255U, 256U, 299U}) {
    MemoryTree fork = other_history(common, 700);
    for (const uint64_t size : {300U, 301U, 512U, 700U})
      EXPECT_EQ(judge(at(tree_, 300), at(fork, size), Published(fork, size)), MirrorVerdict::kFork)
          << common << " " << size;
  }
}

TEST_F(MirrorCoreTest, a_fork_behind_what_was_kept_is_an_extension) {
  MemoryTree fork = other_history(300, 700);
  EXPECT_EQ(judge(at(tree_, 300), at(fork, 700), Published(fork, 700)), MirrorVerdict::kExtended);
}

TEST_F(MirrorCoreTest, an_older_tree_is_a_rollback) {
  const Checkpoint kept = at(tree_, 300);
  Published published(tree_, 300);
  for (const uint64_t size : {0U, 1U, 256U, 299U}) {
    const auto finding = judge_checkpoint(&kept, at(tree_, size), published);
    ASSERT_TRUE(finding.ok()) << finding.status();
    EXPECT_EQ(finding->verdict, MirrorVerdict::kRollback) << size;
    EXPECT_EQ(finding->reason, "the log shows size " + std::to_string(size) +
                                   " after size 300; it is the beginning of that tree");
  }
  MemoryTree fork = other_history(100, 200);
  Published of_fork(fork, 200);
  EXPECT_EQ(judge_checkpoint(&kept, at(fork, 200), of_fork)->reason,
            "the log shows size 200 after size 300; nothing published proves that it is the "
            "beginning of that tree");
}

TEST_F(MirrorCoreTest, tiles_that_are_not_those_of_the_checkpoint_prove_nothing) {
  const Checkpoint kept = at(tree_, 300), found = at(tree_, 700);
  const Published good(tree_, 700);
  for (const auto& [path, bytes] : good.files) {
    Published bad = good;
    for (const size_t i : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) bad.files[path][i] ^= 1;
    const MirrorVerdict verdict = judge(kept, found, bad);
    // A tile that the proof does not need may be damaged.
    EXPECT_TRUE(verdict == MirrorVerdict::kUnproved || verdict == MirrorVerdict::kExtended) << path;
    bad.files[path] = bytes.substr(1);
    EXPECT_NE(judge(kept, found, bad), MirrorVerdict::kFork) << path;
  }
  MemoryTree fork = other_history(100, 700);
  EXPECT_EQ(judge(kept, found, Published(fork, 700)), MirrorVerdict::kUnproved);
  Published truncated = good;
  for (auto& [path, bytes] : truncated.files) bytes.pop_back();
  EXPECT_EQ(judge(kept, found, truncated), MirrorVerdict::kUnproved);
}

TEST_F(MirrorCoreTest, without_tiles_there_is_no_verdict) {
  Published nothing(tree_, 0);
  const Checkpoint kept = at(tree_, 300);
  EXPECT_EQ(judge_checkpoint(&kept, at(tree_, 700), nothing).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gatetape
