#include "gateway/banner_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace gatetape::gateway {
namespace {

TEST(BannerFile, its_bytes_are_shown_up_to_the_limit) {
  const std::string path = testing::TempDir() + "gatetape_banner";
  const std::string longest(kBannerFileBytesMax, 'x');
  std::ofstream(path) << longest;
  EXPECT_EQ(load_banner(path).value_or(""), longest);
  std::ofstream(path) << longest << "x";
  EXPECT_THAT(std::string(load_banner(path).status().message()), testing::HasSubstr(path));
}

TEST(BannerFile, without_a_path_nothing_is_shown_and_a_missing_file_is_an_error) {
  EXPECT_EQ(load_banner("").value_or("x"), "");
  EXPECT_FALSE(load_banner(testing::TempDir() + "gatetape_no_banner").ok());
}

}  // namespace
}  // namespace gatetape::gateway
