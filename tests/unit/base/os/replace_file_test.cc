#include "base/os/replace_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gatetape {
namespace {

class ReplaceFileTest : public testing::Test {
 protected:
  ReplaceFileTest() {
    char folder[] = "/tmp/gatetape_replace_XXXXXX";
    folder_ = mkdtemp(folder);
    path_ = folder_ + "/file";
  }
  ~ReplaceFileTest() override { std::filesystem::remove_all(folder_); }

  static absl::Status put(std::FILE* file, const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), file);
    return absl::OkStatus();
  }
  std::string read() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // entries returns how many files are in the folder.
  long entries() const { return std::distance(std::filesystem::directory_iterator(folder_), {}); }

  std::string folder_, path_;
};

TEST_F(ReplaceFileTest, the_new_file_is_whole_and_of_its_mode) {
  for (const mode_t mode : {0600u, 0644u}) {
    const std::string text = "of mode " + std::to_string(mode);
    EXPECT_TRUE(replace_file(path_, mode, [&](std::FILE* file) { return put(file, text); }).ok());
    EXPECT_EQ(read(), text);
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, mode);
  }
  EXPECT_EQ(entries(), 1);
}

TEST_F(ReplaceFileTest, a_failure_leaves_what_was_there) {
  std::ofstream(path_) << "before";
  const absl::Status status = replace_file(path_, 0600, [](std::FILE* file) {
    put(file, "half").IgnoreError();
    return absl::DataLossError("the source broke");
  });
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(read(), "before");
  EXPECT_EQ(entries(), 1);
}

TEST_F(ReplaceFileTest, bytes_that_cannot_be_written_are_a_failure) {
  std::ofstream(path_) << "before";
  const absl::Status status = replace_file(path_, 0600, [](std::FILE* file) {
    std::FILE* full = std::fopen("/dev/full", "w");
    dup2(fileno(full), fileno(file));
    std::fclose(full);
    return put(file, "lost");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown) << status;
  EXPECT_EQ(read(), "before");
  EXPECT_EQ(entries(), 1);
}

TEST_F(ReplaceFileTest, a_folder_that_is_not_there_is_named) {
  const std::string path = folder_ + "/none/file";
  const absl::Status status =
      replace_file(path, 0600, [](std::FILE* file) { return put(file, "x"); });
  EXPECT_EQ(status.message(), "cannot write " + path + ": No such file or directory");
}

}  // namespace
}  // namespace gatetape
