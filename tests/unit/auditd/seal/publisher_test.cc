// What is published can be read and proved without the database.
#include "auditd/seal/publisher.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/auditd/seal/seal_fixture.h"

namespace gatetape::auditd {
namespace {

using testing::HasSubstr;

class PublisherTest : public SealTest {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/publisher_XXXXXX";
    above_ = mkdtemp(pattern.data());
    folder_ = above_ + "/published";
  }
  void TearDown() override { std::filesystem::remove_all(above_); }

  // seal appends so many entries and returns the checkpoint.
  SealedCheckpoint seal(uint64_t count) {
    if (!core_) {
      core_.emplace(make_core());
      step(*core_);
    }
    for (uint64_t i = 0; i < count; i++) insert(heads_entry(recorder_, 'a', ++n_));
    step(*core_);
    return *core_->newest();
  }
  // publish publishes until nothing is missing; it returns the number of calls.
  int publish(Publisher& publisher, const SealedCheckpoint& checkpoint) {
    for (int calls = 1; calls < 100; calls++) {
      const absl::StatusOr<bool> done = publisher.publish(store_, checkpoint);
      EXPECT_TRUE(done.ok()) << done.status();
      if (!done.ok() || *done) return calls;
    }
    ADD_FAILURE() << "it does not end";
    return 0;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool exists(const std::string& name) const {
    return std::filesystem::exists(folder_ + "/" + name);
  }
  // expect_readable checks that the files prove every leaf of the published checkpoint.
  void expect_readable(Publisher& publisher) {
    const auto opened = open_checkpoint(read("checkpoint"), kOrigin, {signer_.verifier_key()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    const uint64_t size = opened->checkpoint.tree.size;
    TileSource source(publisher.tiles(), size);
    EXPECT_EQ(*tree_root(source, size), opened->checkpoint.tree.root);
    for (uint64_t index = 0; index * kTileWidth < size; index++) {
      TileName name = tile_of(size, 0, index);
      name.is_bundle = true;
      const auto bundle = publisher.tiles().read(name);
      ASSERT_TRUE(bundle.ok()) << bundle.status();
      const auto entries = parse_bundle(*bundle, name.width);
      ASSERT_TRUE(entries.ok()) << entries.status();
      for (uint32_t i = 0; i < name.width; i++)
        EXPECT_EQ(merkle_leaf((*entries)[i]), *source.node(0, index * kTileWidth + i));
    }
  }

  std::string above_, folder_;
  std::optional<SequencerCore> core_;
  uint64_t n_ = 0;
};

TEST_F(PublisherTest, the_files_prove_the_log) {
  Publisher publisher(folder_);
  EXPECT_FALSE(publisher.read_checkpoint()->has_value());
  const SealedCheckpoint first = seal(20);
  publish(publisher, first);
  expect_readable(publisher);
  const SealedCheckpoint second = seal(700);
  publish(publisher, second);
  expect_readable(publisher);
  EXPECT_EQ(read("checkpoints"), first.note.to_text() + second.note.to_text());
  EXPECT_EQ(**publisher.read_checkpoint(), second.note.to_text());
  for (const char* name : {"checkpoint", "checkpoints", "tile/0/000", "tile/entries/000"}) {
    struct stat info {};
    ASSERT_EQ(stat((folder_ + "/" + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0644u) << name;
  }
  struct stat info {};
  ASSERT_EQ(stat((folder_ + "/tile/0").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
}

TEST_F(PublisherTest, the_same_checkpoint_is_published_once_and_again_when_it_is_sealed_again) {
  Publisher publisher(folder_);
  SealedCheckpoint checkpoint = seal(1);
  publish(publisher, checkpoint);
  EXPECT_EQ(publish(publisher, checkpoint), 1);
  EXPECT_EQ(read("checkpoints"), checkpoint.note.to_text());
  checkpoint.n++;
  publish(publisher, checkpoint);
  EXPECT_EQ(read("checkpoints"), checkpoint.note.to_text() + checkpoint.note.to_text());
}

TEST_F(PublisherTest, what_was_interrupted_is_published_later) {
  const SealedCheckpoint checkpoint = seal(300);
  {
    Publisher interrupted(folder_, 2);
    EXPECT_FALSE(*interrupted.publish(store_, checkpoint));
    EXPECT_TRUE(interrupted.is_busy());
    EXPECT_FALSE(exists("checkpoint"));
  }
  Publisher publisher(folder_, 2);
  EXPECT_EQ(publish(publisher, seal(1)), 3);
  EXPECT_FALSE(publisher.is_busy());
  expect_readable(publisher);
}

TEST_F(PublisherTest, a_partial_tile_stays_until_the_next_tile_is_full) {
  Publisher publisher(folder_);
  publish(publisher, seal(100));
  EXPECT_TRUE(exists("tile/0/000.p/104"));
  publish(publisher, seal(200));
  EXPECT_TRUE(exists("tile/0/000"));
  EXPECT_TRUE(exists("tile/0/000.p/104"));
  publish(publisher, seal(300));
  EXPECT_FALSE(exists("tile/0/000.p"));
  EXPECT_FALSE(exists("tile/entries/000.p"));
  EXPECT_TRUE(exists("tile/0/001.p"));
}

TEST_F(PublisherTest, an_entry_that_was_changed_is_not_published) {
  Publisher publisher(folder_);
  const SealedCheckpoint checkpoint = seal(10);
  store_.leaves[7].entry += "x";
  const absl::Status status = publisher.publish(store_, checkpoint).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the stored leaf 7 "));
  EXPECT_FALSE(exists("checkpoint"));
}

TEST_F(PublisherTest, a_newer_published_checkpoint_is_not_replaced) {
  Publisher old(folder_), next(folder_);
  const SealedCheckpoint first = seal(10);
  const SealedCheckpoint second = seal(10);
  publish(next, second);
  EXPECT_EQ(old.publish(store_, first).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(read("checkpoint"), second.note.to_text());
}

TEST_F(PublisherTest, a_folder_that_cannot_be_made_is_an_error_with_its_path) {
  Publisher publisher(above_ + "/missing/published");
  const absl::Status status = publisher.publish(store_, seal(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/missing/published"));
}

TEST_F(PublisherTest, the_acceptance_of_an_operator_is_read_and_removed) {
  Publisher publisher(folder_);
  publish(publisher, seal(1));
  EXPECT_FALSE(publisher.read_acceptance()->has_value());
  std::ofstream(folder_ + "/accept") << "restored on purpose\n";
  EXPECT_EQ(**publisher.read_acceptance(), "restored on purpose");
  EXPECT_TRUE(publisher.remove_acceptance().ok());
  EXPECT_FALSE(exists("accept"));
}

TEST_F(PublisherTest, a_line_that_a_crash_cut_is_ended) {
  Publisher publisher(folder_);
  publish(publisher, seal(1));
  std::ofstream(folder_ + "/checkpoints", std::ios::app) << "gw.gatetape/l";
  const SealedCheckpoint checkpoint = seal(1);
  publish(publisher, checkpoint);
  EXPECT_THAT(read("checkpoints"), HasSubstr("gw.gatetape/l\n" + checkpoint.note.to_text()));
}

}  // namespace
}  // namespace gatetape::auditd
