#include "base/text_escape.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace gatetape {
namespace {

TEST(TextEscape, each_text_stands_for_one_sequence_of_bytes) {
  const struct {
    const char* name;
    std::string bytes;
    const char* text;
  } rows[] = {
      {"nothing", "", ""},
      {"plain", "ls -l", "ls -l"},
      {"UTF-8", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"tab and newline", "a\tb\n", "a\\x09b\\x0a"},
      {"NUL", std::string("a\0b", 3), "a\\x00b"},
      {"no UTF-8", "\xff", "\\xff"},
      {"cut UTF-8", "\xe2\x82", "\\xe2\\x82"},
      {"cut UTF-8 before a backslash", "\xe2\x82\\", "\\xe2\\x82\\\\"},
      {"override", "\xe2\x80\xae", "\\xe2\\x80\\xae"},
      {"escape", "\x1b[2J", "\\x1b[2J"},
      {"typed escape", "\\x1b[2J", "\\\\x1b[2J"},
      {"backslash before an escape", "\\\x1b", "\\\\\\x1b"},
      {"two backslashes", "\\\\host\\share", "\\\\\\\\host\\\\share"},
      {"backslash at the end", "a\\", "a\\\\"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(escape_text(row.bytes), row.text) << row.name;
    EXPECT_EQ(unescape_text(row.text), row.bytes) << row.name;
    EXPECT_EQ(printable(row.text), row.text) << row.name;
  }
}

TEST(TextEscape, all_pairs_of_bytes_come_back) {
  for (int first = 0; first < 256; first++)
    for (int second = 0; second < 256; second++) {
      const std::string bytes = {static_cast<char>(first), static_cast<char>(second)};
      ASSERT_EQ(unescape_text(escape_text(bytes)), bytes) << first << ' ' << second;
    }
}

TEST(TextEscape, a_typed_backslash_that_begins_no_escape_stands_for_itself) {
  for (const char* typed : {"C:\\Users", "\\", "a\\x", "\\x1", "\\xg0", "\\X41", "\\ x"})
    EXPECT_EQ(unescape_text(typed), typed);
  EXPECT_EQ(unescape_text("\\x1B"), "\x1b");
}

}  // namespace
}  // namespace gatetape
