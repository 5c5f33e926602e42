#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "client/text_filter.h"
#include "tools/cli/pace.h"
#include "tools/cli/play_filter.h"

namespace gatetape::tools {
namespace {

std::string text_of(const std::string& bytes) {
  client::TextFilter filter;
  std::string text = filter.feed(bytes);
  return text + filter.flush();
}

TEST(TextFilterTest, output_reads_as_the_screen_did) {
  struct Row {
    const char* name;
    std::string bytes;
    std::string text;
  };
  const Row rows[] = {
      {"plain", "one\r\ntwo", "one\ntwo\n"},
      {"colors", "\x1b[1;31mred\x1b[0m\n", "red\n"},
      {"title", "\x1b]0;title\x07prompt$ \x1b]2;x\x1b\\ls\n", "prompt$ ls\n"},
      {"backspace", "lx\b \bs\r\n", "ls\n"},
      {"progress", "10%\r20%\r100%\r\n", "100%\n"},
      {"erase to the end", "long line\r\x1b[Kok\n", "ok\n"},
      {"insert and delete", "hllo\x1b[3D\x1b[@e\x1b[3C!\x1b[D\x1b[P\n", "hello\n"},
      {"cursor elsewhere", "a\x1b[5;1Hb\x1b[2Jc", "a\nb\nc\n"},
      {"tab", "a\tb\n", "a\tb\n"},
      {"device control string", "a\x1bPq#0;2\x1b\\b\n", "ab\n"},
      {"charset", "\x1b(0x\x1b(B\n", "x\n"},
      {"character", "\xc3\xa9\n", "\xc3\xa9\n"},
      {"no utf-8", "\xff\n", "\xef\xbf\xbd\n"},
      {"C1 control",
       "a\xc2\x9b"
       "31mb\n",
       "a\\xc2\\x9b31mb\n"},
      {"bell and nul", std::string("a\a\0b\n", 5), "ab\n"},
      {"cancelled sequence", "\x1b[12\x18ok\n", "ok\n"},
      {"escape ends a string", "\x1b]0;x\x1b[31mshown\n", "shown\n"},
      {"SUB ends a string", "\x1bPx\x1ashown\n", "shown\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(text_of(row.bytes), row.text) << row.name;
}

TEST(TextFilterTest, any_cut_gives_the_same_text) {
  const std::string bytes = "a\x1b[31mb\xe6\x97\xa5\x1b]0;t\x1b\\c\r\x1b[Kd\xff\x1b[3Ce\r\n";
  for (size_t cut = 0; cut <= bytes.size(); cut++) {
    client::TextFilter filter;
    std::string text = filter.feed(bytes.substr(0, cut));
    text += filter.feed(bytes.substr(cut));
    EXPECT_EQ(text + filter.flush(), text_of(bytes)) << cut;
  }
}

TEST(TextFilterTest, any_bytes_give_safe_text) {
  std::minstd_rand random(7);
  for (int round = 0; round < 300; round++) {
    std::string bytes;
    for (int i = 0; i < 400; i++)
      bytes += random() % 4 == 0 ? "\x1b[9P"[random() % 4] : static_cast<char>(random() % 256);
    for (const char c : text_of(bytes))
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') << round;
  }
}

TEST(TextFilterTest, no_line_is_longer_than_its_limit) {
  // Tabs, and text after a tab in the last column.
  std::string bytes = "\x1b[9999C\x1b[9999C\t\tx";
  bytes += std::string(40'000, '\t') + "\x1b[9999@" + std::string(40'000, 'y');
  size_t line = 0;
  for (const char c : text_of(bytes)) {
    line = c == '\n' ? 0 : line + 1;
    ASSERT_LE(line, 16u * 1024);
  }
}

std::string played(const std::string& bytes) {
  PlayFilter filter;
  return filter.feed(bytes);
}

TEST(PlayFilterTest, screen_output_passes_unchanged) {
  for (const char* bytes : {"text\r\n\t\b", "\x1b[1;31mred\x1b[0m", "\x1b[?1049h\x1b[2J\x1b[10;5H",
                            "\x1b[?25l", "\x1b(B\x1b)0\x0e\x0f",
                            "\x1b"
                            "7\x1b"
                            "8",
                            "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5", "\x1b[!p", "\x1b[4:3m"})
    EXPECT_EQ(played(bytes), bytes);
}

TEST(PlayFilterTest, what_reaches_beyond_the_screen_is_dropped) {
  for (const char* bytes : {"\x1b]0;title\x07",
                            "\x1b]52;c;ZXZpbA==\x07",
                            "\x1b]8;;http://x\x1b\\",
                            "\x1bP$qm\x1b\\",
                            "\x1b_Gq\x1b\\",
                            "\x1b^x\x1b\\",
                            "\x1b[c",
                            "\x1b[>c",
                            "\x1b[6n",
                            "\x1b[?6n",
                            "\x1b[21t",
                            "\x1b[?1000h",
                            "\x1b[?1;1006h",
                            "\x1b[?2004h",
                            "\x1b[?9h",
                            "\x1bZ",
                            "\x05",
                            "\x1b[>q",
                            "\x1b[?2026$p",
                            "\x1b[?u",
                            "\x1b[x",
                            "\x1b[?09h",
                            "\x1b[?25;0009h",
                            "\x1b[?1h",
                            "\x1b[2h",
                            "\x1b[20h",
                            "\x1b=",
                            "\x1b[5i",
                            "\x1b[?1;1;0S",
                            "\x1b[?4m",
                            "\x1b[#R",
                            "\x1b[62\"p",
                            "\x1b%@",
                            "\x1b[\xe3m",
                            "\x1b\xda",
                            "\x7f"})
    EXPECT_EQ(played(bytes), "") << printable(bytes);
  EXPECT_EQ(played("a\xc2\x9b"
                   "6n"),
            "a?6n");
  EXPECT_EQ(played("a\x9b"
                   "6n"),
            "a\xef\xbf\xbd"
            "6n");
  EXPECT_EQ(played("\x1b]0;x\x1b[6nshown"), "shown");
}

TEST(PlayFilterTest, any_cut_gives_the_same_bytes) {
  const std::string bytes =
      "a\x1b[31mb\x1b]52;c;eA==\x1b\\c\xc2\x9b"
      "6n\x1b[6nd";
  for (size_t cut = 0; cut <= bytes.size(); cut++) {
    PlayFilter filter;
    std::string out = filter.feed(bytes.substr(0, cut));
    out += filter.feed(bytes.substr(cut));
    EXPECT_EQ(out, played(bytes)) << cut;
  }
}

constexpr int64_t kSecond = 1'000'000'000;

TEST(PaceTest, timing_is_true_times_speed) {
  Pace pace({.speed = 2, .max_idle_ns = INT64_MAX}, 100 * kSecond);
  EXPECT_EQ(pace.wait_ns({4 * kSecond, 100 * kSecond}), 2 * kSecond);
  EXPECT_EQ(pace.wait_ns({4 * kSecond, 101 * kSecond}), 1 * kSecond);
  EXPECT_EQ(pace.wait_ns({4 * kSecond, 103 * kSecond}), 0);
  pace.shown({4 * kSecond, 102 * kSecond});
  EXPECT_EQ(pace.wait_ns({5 * kSecond, 102 * kSecond}), kSecond / 2);
}

TEST(PaceTest, silence_is_cut) {
  Pace pace({.speed = 1, .max_idle_ns = 2 * kSecond}, 0);
  EXPECT_EQ(pace.wait_ns({3600 * kSecond, 0}), 2 * kSecond);
  pace.shown({3600 * kSecond, 2 * kSecond});
  EXPECT_EQ(pace.wait_ns({3601 * kSecond, 2 * kSecond}), 1 * kSecond);
}

TEST(PaceTest, pause_holds_for_ever_and_loses_nothing) {
  Pace pace({.speed = 1, .max_idle_ns = INT64_MAX}, 0);
  pace.toggle_pause(1 * kSecond);
  EXPECT_LT(pace.wait_ns({3 * kSecond, 50 * kSecond}), 0);
  EXPECT_EQ(pace.position_ns(50 * kSecond), 1 * kSecond);
  pace.toggle_pause(50 * kSecond);
  EXPECT_EQ(pace.wait_ns({3 * kSecond, 50 * kSecond}), 2 * kSecond);
}

TEST(PaceTest, seek_shows_all_before_at_once) {
  Pace pace({.speed = 1, .max_idle_ns = INT64_MAX}, 0);
  pace.seek({10 * kSecond, 0});
  EXPECT_EQ(pace.wait_ns({9 * kSecond, 0}), 0);
  pace.shown({9 * kSecond, 0});
  EXPECT_EQ(pace.wait_ns({12 * kSecond, 0}), 2 * kSecond);
  pace.seek({-5 * kSecond, 0});
  EXPECT_EQ(pace.position_ns(0), 0);
}

TEST(PaceTest, seek_works_while_paused) {
  Pace pace({.speed = 1, .max_idle_ns = INT64_MAX}, 0);
  pace.toggle_pause(0);
  pace.seek({10 * kSecond, 0});
  EXPECT_EQ(pace.wait_ns({9 * kSecond, 0}), 0);
  EXPECT_LT(pace.wait_ns({11 * kSecond, 0}), 0);
}

}  // namespace
}  // namespace gatetape::tools
