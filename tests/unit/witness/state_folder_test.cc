#include "witness/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "base/toml.h"
#include "tests/support/memory_tree.h"

namespace gatetape::witness {
namespace {

using ::testing::HasSubstr;

constexpr char kOrigin[] = "gw.gatetape/log";

class StateFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_witness_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir_ = pattern;
    folder_ = *StateFolder::open(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  static std::string note(uint64_t size, const std::string& origin = kOrigin) {
    MemoryTree tree = MemoryTree::of_size(size);
    return sign_checkpoint({origin, tree.head(size), ""},
                           {origin, NoteKeyType::kEd25519, SigningKey::generate()})
        .to_text();
  }
  std::string file_of(const std::string& origin) const {
    return dir_ + "/" + to_hex(view(sha256(origin)));
  }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(path) << text;
  }

  std::string dir_;
  std::unique_ptr<StateFolder> folder_;
};

TEST_F(StateFolderTest, the_newest_checkpoint_of_each_log_survives_a_restart) {
  const std::string first = note(3), second = note(5), other = note(7, "b.gatetape/log");
  for (const std::string& one : {first, second}) ASSERT_TRUE(folder_->keep(kOrigin, one).ok());
  ASSERT_TRUE(folder_->keep("b.gatetape/log", other).ok());
  folder_.reset();
  folder_ = *StateFolder::open(dir_);
  const auto kept = folder_->read_all();
  ASSERT_TRUE(kept.ok()) << kept.status();
  std::map<std::string, std::string> found;
  for (const KeptCheckpoint& one : *kept) found[one.origin] = one.note;
  EXPECT_EQ(found,
            (std::map<std::string, std::string>{{kOrigin, second}, {"b.gatetape/log", other}}));
}

TEST_F(StateFolderTest, every_flipped_byte_and_every_shorter_file_is_noticed) {
  ASSERT_TRUE(folder_->keep(kOrigin, note(5)).ok());
  const std::string path = file_of(kOrigin), good = *read_whole_file(path);
  for (size_t i = 0; i < good.size(); i++) {
    std::string bad = good;
    bad[i] ^= 1;
    for (const std::string& text : {bad, good.substr(0, i)}) {
      write(path, text);
      const auto kept = folder_->read_all();
      ASSERT_EQ(kept.status().code(), absl::StatusCode::kDataLoss) << i;
      ASSERT_THAT(std::string(kept.status().message()), testing::StartsWith(path + " ")) << i;
    }
  }
}

TEST_F(StateFolderTest, a_file_that_is_not_ours_or_of_another_log_is_refused) {
  write(dir_ + "/notes.txt", "x");
  EXPECT_THAT(std::string(folder_->read_all().status().message()), HasSubstr("notes.txt"));
  std::filesystem::remove(dir_ + "/notes.txt");
  ASSERT_TRUE(folder_->keep(kOrigin, note(5)).ok());
  std::filesystem::rename(file_of(kOrigin), file_of("b.gatetape/log"));
  EXPECT_THAT(std::string(folder_->read_all().status().message()),
              HasSubstr("is not the file of gw.gatetape/log"));
}

TEST_F(StateFolderTest, a_write_that_did_not_finish_is_removed) {
  ASSERT_TRUE(folder_->keep(kOrigin, note(5)).ok());
  write(file_of(kOrigin) + ".a1B2c3", "half");
  EXPECT_EQ(folder_->read_all()->size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(file_of(kOrigin) + ".a1B2c3"));
}

TEST_F(StateFolderTest, a_second_witness_does_not_start) {
  EXPECT_EQ(StateFolder::open(dir_).status().code(), absl::StatusCode::kAlreadyExists);
  folder_.reset();
  EXPECT_TRUE(StateFolder::open(dir_).ok());
}

TEST_F(StateFolderTest, a_folder_that_is_missing_is_named) {
  const auto missing = StateFolder::open(dir_ + "/none");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(dir_ + "/none"));
}

TEST_F(StateFolderTest, a_checkpoint_that_cannot_be_stored_is_a_failure) {
  std::filesystem::create_directory(file_of(kOrigin));
  EXPECT_FALSE(folder_->keep(kOrigin, note(5)).ok());
}

}  // namespace
}  // namespace gatetape::witness
