#include <gtest/gtest.h>

#include "auditd/query/like.h"
#include "auditd/query/session_reader.h"

namespace gatetape::auditd {
namespace {

TEST(QueryTest, an_address_is_what_postgresql_takes_as_one) {
  for (const char* text : {"", "10.0.0.1", "10.0.0.0/8", "10.0.0.0/32", "fd00::/8", "::1/128"})
    EXPECT_TRUE(check_address(text).ok()) << text;
  for (const char* text : {"x", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/ 8", "10.0.0.0/+8",
                           "10.0.0.0/8 ", "10.0.0.0/-1", "fd00::/129", "10.0.0.0/8/8"})
    EXPECT_EQ(check_address(text).code(), absl::StatusCode::kInvalidArgument) << text;
}

TEST(QueryTest, a_pattern_of_like_matches_what_was_typed) {
  const struct {
    const char* typed;
    const char* glob;
    const char* part;
  } rows[] = {{"", "", "%%"},
              {"web", "web", "%web%"},
              {"*.db?", "%.db_", "%*.db?%"},
              {"50%_\\", "50\\%\\_\\\\", "%50\\%\\_\\\\%"}};
  for (const auto& row : rows) {
    EXPECT_EQ(like_of_glob(row.typed), row.glob) << row.typed;
    EXPECT_EQ(like_of_part(row.typed), row.part) << row.typed;
  }
}

}  // namespace
}  // namespace gatetape::auditd
