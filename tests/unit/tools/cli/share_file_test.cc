#include "tools/cli/share_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gatetape::tools {
namespace {

class ShareFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    setenv("GATETAPE_SHARE", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("GATETAPE_SHARE");
    std::filesystem::remove_all(folder_);
  }
  const std::string folder_ = testing::TempDir() + "share_file_test";
};

TEST_F(ShareFileTest, named_folder_has_the_file) {
  std::ofstream(folder_ + "/" + std::string(kPlayerFile)) << "a page\n";
  const auto content = read_share_file(kPlayerFile);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(*content, "a page\n");
}

TEST_F(ShareFileTest, missing_file_is_named) {
  const auto content = read_share_file(kVerifierFile);
  EXPECT_EQ(content.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(content.status().message()),
              testing::HasSubstr("cannot read " + folder_ + "/verify_bundle.py: install it"));
}

}  // namespace
}  // namespace gatetape::tools
