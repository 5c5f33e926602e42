// Tests the copy of the last good access rules.
#include "gateway/access_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "tests/support/ssh_tools.h"

namespace gatetape::gateway {
namespace {

constexpr char kRules[] =
    "[[role]]\nname = \"sre\"\ntargets = [\"*\"]\nlogins = [\"root\"]\n"
    "allow = [\"shell\"]\n";

class AccessFilesTest : public ::testing::Test {
 protected:
  AccessFilesTest() { dir_.write("access.toml", kRules); }

  const testing::TempDir dir_;
  const std::string path_ = dir_.path("access.toml");
};

TEST_F(AccessFilesTest, rules_that_were_kept_are_read_when_the_file_is_bad) {
  ASSERT_TRUE(keep_access(load_access(path_)).ok());
  dir_.write("access.toml", "[[role]]\nnme = 1\n");
  EXPECT_FALSE(load_access(path_).status().ok());
  const AccessLoad kept = load_kept_access(path_);
  ASSERT_TRUE(kept.status().ok()) << kept.status();
  EXPECT_EQ(kept.rules()->roles().size(), 1U);
  EXPECT_EQ(kept.event().get("fallback"), "1");
  EXPECT_EQ(kept.sha256(), to_hex(view(sha256(kRules))));
}

TEST_F(AccessFilesTest, a_copy_that_somebody_changed_is_refused) {
  EXPECT_FALSE(load_kept_access(path_).status().ok());  // there is none yet
  ASSERT_TRUE(keep_access(load_access(path_)).ok());
  std::ofstream(path_ + ".good", std::ios::app) << "# more\n";
  EXPECT_EQ(load_kept_access(path_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(load_kept_access(path_).rules(), nullptr);
}

TEST_F(AccessFilesTest, a_unit_keeps_the_copy_in_its_state_directory) {
  const std::string state = dir_.path("state");
  std::filesystem::create_directory(state);
  setenv("STATE_DIRECTORY", state.c_str(), 1);
  const absl::Status kept = keep_access(load_access(path_));
  const bool is_read = load_kept_access(path_).status().ok();
  unsetenv("STATE_DIRECTORY");
  EXPECT_TRUE(kept.ok()) << kept;
  EXPECT_TRUE(is_read);
  EXPECT_TRUE(std::filesystem::exists(state + "/access.toml.good"));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".good"));
}

TEST_F(AccessFilesTest, a_long_mistake_is_told_in_a_short_text) {
  dir_.write("access.toml", "[[role]]\nname = \"" + std::string(300'000, 'x') + " \"\n");
  const AccessLoad load = load_access(path_);
  EXPECT_FALSE(load.status().ok());
  EXPECT_LE(load.status().message().size(), 1024U);
}

}  // namespace
}  // namespace gatetape::gateway
