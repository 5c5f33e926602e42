#include <gtest/gtest.h>

#include "auditd/query/like.h"
#include "auditd/query/search_pattern.h"
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

TEST(QueryTest, what_is_searched_has_the_form_of_the_stored_text) {
  const struct {
    const char* typed;
    const char* text;
    const char* marked;
    const char* text_v1;
    const char* regex;
  } rows[] = {
      {"a\tb", "%a\\\\x09b%", "%a\\\\x09b%", "%a\\\\x09b%", "a\\\\x09b"},
      {"\\x1b", "%\\\\x1b%", "%\\\\x1b%", "%\\\\x1b%", "\\x1b"},
      {"\\\\x1b", "%\\\\\\\\x1b%", "%\1x1b%", "%\\\\x1b%", "\\\\x1b"},
      {"\\d\xff_", "%\\\\\\\\d\\\\xff\\_%", "%\1d\\\\xff\\_%", "%\\\\d\\\\xff\\_%", "\\d\\\\xff_"},
  };
  for (const auto& row : rows) {
    const SearchPattern pattern = search_pattern(row.typed);
    EXPECT_EQ(pattern.text, row.text) << row.typed;
    EXPECT_EQ(pattern.marked, row.marked) << row.typed;
    EXPECT_EQ(pattern.text_v1, row.text_v1) << row.typed;
    EXPECT_EQ(search_regex(row.typed).text, row.regex) << row.typed;
  }
  EXPECT_EQ(search_pattern("a%").text, "%a\\%%");
  EXPECT_EQ(search_pattern("a%").marked, std::nullopt);
  EXPECT_EQ(search_pattern("a%").text_v1, std::nullopt);
  EXPECT_EQ(glob_patterns("*\\b\xff"),
            (std::vector<std::string>{"%\\\\\\\\b\\\\xff", "%\\\\b\\\\xff"}));
}

}  // namespace
}  // namespace gatetape::auditd
