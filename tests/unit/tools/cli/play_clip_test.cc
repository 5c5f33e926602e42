#include "tools/cli/play_clip.h"

#include <gtest/gtest.h>

#include <clocale>

#include "tools/cli/play_filter.h"
#include "tools/cli/play_fit.h"

namespace gatetape::tools {
namespace {

using client::ScreenSize;

// Output of a recorded terminal of 20x8, as a terminal of 10x4 gets it.
std::string clipped(const std::string& bytes) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // for the widths of characters, as in main()
  PlayFilter filter(PlayClip({.columns = 10, .rows = 4}, {.columns = 20, .rows = 8}));
  return filter.feed(bytes);
}

struct Row {
  const char* name;
  std::string bytes;
  std::string clipped;
};

TEST(PlayClip, columns_right_of_the_terminal_are_not_shown) {
  const Row rows[] = {
      {"fits", "1234567890\r\nab", "1234567890\r\nab"},
      {"cut", "1234567890abc\r\nd", "1234567890\r\nd"},
      {"wrapped by the recording", "1234567890123456789012", "1234567890\n\x1b[1G12"},
      {"full line", "12345678901234567890\r\nx", "1234567890\r\nx"},
      {"not wrapped", "\x1b[?7l1234567890123456789012\rx", "\x1b[?7l\x1b[?7l1234567890\rx"},
      {"back from the right", "123456789012\b\b\b\bx", "1234567890\x1b[9Gx"},
      {"moved to the right", "\x1b[15Gx\x1b[2Gy", "\x1b[2Gy"},
      {"moved beyond the recording", "\x1b[99Gx\x1b[D\x1b[15Dy", "\x1b[4Gy"},
      {"wide", "12345678\xe6\x97\xa5x", "12345678\xe6\x97\xa5"},
      {"wide at the edge", "123456789\xe6\x97\xa5\rx", "123456789\rx"},
      {"mark on the last column", "1234567890\xcc\x81\r", "1234567890\xcc\x81\r"},
      {"tab", "a\tb\tc\r", "a\x1b[9Gb\r"},
      {"back tab", "\x1b[18G\x1b[2Zx", "\x1b[9Gx"},
      {"repeated", "123456789a\x1b[3bc\rd", "123456789a\rd"},
      {"erased on the right", "\x1b[15G\x1b[K\x1b[P\rx", "\rx"},
      {"erased to the left", "\x1b[15G\x1b[1K\rx", "\x1b[10G\x1b[1K\rx"},
      {"colours", "\x1b[15G\x1b[1;31mx\x1b[0m\r", "\x1b[1;31m\x1b[0m\r"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(clipped(row.bytes).substr(0, row.clipped.size()), row.clipped) << row.name;
}

TEST(PlayClip, rows_below_the_terminal_are_not_shown_when_they_are_addressed) {
  const Row rows[] = {
      {"flow", "1\r\n2\r\n3\r\n4\r\n5\r\n6", "1\r\n2\r\n3\r\n4\r\n5\r\n6"},
      {"addressed", "\x1b[6;3Hgone\x1b[2;3Hhere", "\x1b[2;3Hhere"},
      {"up", "\x1b[6;3Hgone\x1b[3Ahere", "\x1b[3;7Hhere"},
      {"up too little", "\x1b[6;3Hgone\x1b[Agone\x1b[?25l", "\x1b[?25l"},
      {"down", "\x1b[?1049h\x1b[4;1Hhere\r\ngone\x1b[H", "\x1b[?1049h\x1b[4;1Hhere\r\x1b[1;1H"},
      {"by row", "\x1b[7dgone\x1b[2dhere", "\x1b[2;5Hhere"},
      {"scrolled", "\x1b[8;1Hgone\r\nhere", "\x1b[4;1H\nhere"},
      {"scroll region", "\x1b[2;7r\x1b[7;1H\nhere", "\x1b[2;4r\x1b[1;1H\x1b[4;1H\nhere"},
      {"region below", "\x1b[6;8r\x1b[8;1H\r\ngone\x1b[H", "\x1b[r\x1b[1;1H\x1b[1;1H"},
      {"end of the alternate screen", "ab\x1b[?1049h\x1b[8;1Hgone\x1b[?1049lc",
       "ab\x1b[?1049h\x1b[?1049l\x1b[3Gc"},
      {"saved",
       "a\x1b"
       "7\x1b[8;1Hgone\x1b"
       "8b",
       "a\x1b"
       "7\x1b"
       "8\x1b[2Gb"},
      {"erased below", "\x1b[6;1H\x1b[J\x1b[L", ""},
      {"erased above", "\x1b[6;1H\x1b[1J", "\x1b[2J"},
      {"erased all", "\x1b[6;1H\x1b[2J", "\x1b[2J"},
      {"reversed", "\x1b[?1049h\x1b[1;1H\x1bM", "\x1b[?1049h\x1b[1;1H\x1bM"},
  };
  for (const Row& row : rows) EXPECT_EQ(clipped(row.bytes), row.clipped) << row.name;
}

TEST(PlayClip, the_terminal_never_wraps) {
  EXPECT_EQ(clipped("\x1b[?25;007h"), "\x1b[?25;007h\x1b[?7l");
  EXPECT_EQ(clipped("\x1b[!p"), "\x1b[!p\x1b[?7l\x1b[1G");
  EXPECT_EQ(clipped("\x1b"
                    "c"),
            "\x1b"
            "c\x1b[?7l\x1b[1G");
}

TEST(PlayClip, a_resized_recording_wraps_elsewhere) {
  PlayFilter filter(PlayClip({.columns = 10, .rows = 4}, {.columns = 20, .rows = 8}));
  filter.resize({.columns = 5, .rows = 8});
  EXPECT_EQ(filter.feed("123456"), "12345\n\x1b[1G6");
}

TEST(PlayFit, each_answer_has_its_key) {
  EXPECT_EQ(fit_of_keys("r"), Fit::kResize);
  EXPECT_EQ(fit_of_keys("xc"), Fit::kClip);
  EXPECT_EQ(fit_of_keys("\r"), Fit::kAsIs);
  EXPECT_EQ(fit_of_keys("q"), Fit::kQuit);
  EXPECT_EQ(fit_of_keys(""), Fit::kQuit);
  for (const char* other : {" ", "\x1b[C", "x"}) EXPECT_EQ(fit_of_keys(other), Fit::kNone);
  EXPECT_EQ(fit_question({80, 24}, {132, 43})
                .find("This terminal has 80x24, and the recorded one "
                      "had 132x43: press r to resize"),
            0U);
}

}  // namespace
}  // namespace gatetape::tools
