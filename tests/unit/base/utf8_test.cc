#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace gatetape {
namespace {

using State = Utf8Front::State;

TEST(Utf8Test, the_front_is_a_character_its_beginning_or_neither) {
  struct Row {
    const char* name;
    std::string bytes;
    State state;
    size_t length;
    uint32_t code = 0;
  };
  const Row rows[] = {
      {"NUL", std::string(1, '\0'), State::kCharacter, 1, 0},
      {"ASCII", "ab", State::kCharacter, 1, 'a'},
      {"last of one byte", "\x7f", State::kCharacter, 1, 0x7f},
      {"first of two", "\xc2\x80", State::kCharacter, 2, 0x80},
      {"last of two", "\xdf\xbf", State::kCharacter, 2, 0x7ff},
      {"first of three", "\xe0\xa0\x80", State::kCharacter, 3, 0x800},
      {"before the surrogates", "\xed\x9f\xbf", State::kCharacter, 3, 0xd7ff},
      {"behind the surrogates", "\xee\x80\x80", State::kCharacter, 3, 0xe000},
      {"last of three", "\xef\xbf\xbf", State::kCharacter, 3, 0xffff},
      {"first of four", "\xf0\x90\x80\x80", State::kCharacter, 4, 0x10000},
      {"last of four", "\xf4\x8f\xbf\xbf", State::kCharacter, 4, 0x10ffff},
      {"only the first counts", "\xc3\xa9\xff", State::kCharacter, 2, 0xe9},
      {"cut behind one", "\xf0", State::kIncomplete, 1},
      {"cut behind two", "\xe2\x82", State::kIncomplete, 2},
      {"cut behind three", "\xf4\x8f\xbf", State::kIncomplete, 3},
      {"continuation byte", "\x80", State::kInvalid, 1},
      {"overlong of two", "\xc1\xbf", State::kInvalid, 1},
      {"overlong of three", "\xe0\x9f\xbf", State::kInvalid, 1},
      {"overlong of four", "\xf0\x8f\xbf\xbf", State::kInvalid, 1},
      {"surrogate", "\xed\xa0\x80", State::kInvalid, 1},
      {"above U+10FFFF", "\xf4\x90\x80\x80", State::kInvalid, 1},
      {"five bytes", "\xf8\x88\x80\x80\x80", State::kInvalid, 1},
      {"broken off", "\xe2\x82\x41", State::kInvalid, 2},
      {"broken off late", "\xf0\x9f\x98\x41", State::kInvalid, 3},
  };
  for (const Row& row : rows) {
    const Utf8Front front = utf8_front(row.bytes);
    EXPECT_EQ(front.state, row.state) << row.name;
    EXPECT_EQ(front.length, row.length) << row.name;
    EXPECT_EQ(front.is_character() ? front.code : 0, row.code) << row.name;
  }
}

TEST(Utf8Test, printable_escapes_each_byte_that_may_not_be_shown) {
  EXPECT_EQ(printable("\xc3\xa9 \xe2\x82\xac"), "\xc3\xa9 \xe2\x82\xac");
  EXPECT_EQ(printable("a\x1b[\x7f\xc2\x9b"), "a\\x1b[\\x7f\\xc2\\x9b");
  EXPECT_EQ(printable("\xe2\x82\x41\xff"), "\\xe2\\x82\x41\\xff");
  EXPECT_EQ(printable("\xe2\x80\xae!"), "\\xe2\\x80\\xae!") << "right-to-left override";
  EXPECT_FALSE(is_utf8(std::string("a\0b", 3)));
  EXPECT_FALSE(is_utf8("\xe2\x82"));
}

TEST(Utf8DeathTest, nothing_has_no_front) { EXPECT_DEATH(utf8_front(""), "bytes.empty"); }

}  // namespace
}  // namespace gatetape
