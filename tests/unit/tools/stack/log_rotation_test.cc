#include "tools/stack/log_rotation.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/toml.h"

namespace gatetape::tools {
namespace {

class LogRotationTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_log_XXXXXX";
    dir_ = mkdtemp(pattern);
    log_ = dir_ + "/gateway.log";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  // fill appends as a service does, with one descriptor for the whole test.
  void fill(const std::string& text) { (writer_ << text).flush(); }
  std::string text(const std::string& suffix) const {
    return read_whole_file(log_ + suffix).value_or("none");
  }

  std::string dir_;
  std::string log_;
  std::ofstream writer_;
};

TEST_F(LogRotationTest, the_newest_copies_are_kept_and_the_service_writes_on) {
  writer_.open(log_, std::ios::app);
  constexpr LogLimits kLimits = {.bytes_max = 4, .kept = 2};
  fill("one");
  EXPECT_TRUE(rotate_log(log_, kLimits).ok());
  EXPECT_EQ(text(""), "one");
  EXPECT_EQ(text(".1"), "none");
  fill("1");
  for (const char* next : {"two2", "three", "four"}) {
    EXPECT_TRUE(rotate_log(log_, kLimits).ok());
    EXPECT_EQ(text(""), "");
    fill(next);
  }
  EXPECT_EQ(text(""), "four");
  EXPECT_EQ(text(".1"), "three");
  EXPECT_EQ(text(".2"), "two2");
  EXPECT_EQ(text(".3"), "none");
}

TEST_F(LogRotationTest, one_copy_is_replaced) {
  writer_.open(log_, std::ios::app);
  for (const char* next : {"one", "two"}) {
    fill(next);
    EXPECT_TRUE(rotate_log(log_, {.bytes_max = 1, .kept = 1}).ok());
    EXPECT_EQ(text(".1"), next);
  }
}

TEST_F(LogRotationTest, no_log_is_no_failure_and_a_link_is_not_followed) {
  EXPECT_TRUE(rotate_log(log_, {}).ok());
  std::ofstream(dir_ + "/precious") << "precious";
  std::filesystem::create_symlink(dir_ + "/precious", log_);
  EXPECT_FALSE(rotate_log(log_, {.bytes_max = 1}).ok());
  EXPECT_EQ(*read_whole_file(dir_ + "/precious"), "precious");
}

TEST_F(LogRotationTest, a_log_that_cannot_be_copied_is_emptied_all_the_same) {
  writer_.open(log_, std::ios::app);
  fill("long");
  ASSERT_TRUE(std::filesystem::create_directories(log_ + ".1/full"));
  EXPECT_FALSE(rotate_log(log_, {.bytes_max = 1, .kept = 1}).ok());
  EXPECT_EQ(text(""), "");
}

}  // namespace
}  // namespace gatetape::tools
