#include "log/fields.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

TEST(LogFields, a_decimal_has_one_form) {
  uint64_t number = 7;
  for (const char* bad : {"", " 1", "1 ", "01", "00", "+1", "-1", "1.", "0x1",
                          "9223372036854775808", "18446744073709551616", "99999999999999999999"}) {
    EXPECT_FALSE(parse_decimal(bad, &number)) << bad;
    EXPECT_EQ(number, 7U);
  }
  EXPECT_TRUE(parse_decimal("0", &number) && number == 0);
  EXPECT_TRUE(parse_decimal("9223372036854775807", &number) && number == INT64_MAX);
}

TEST(LogFields, every_kind_of_field_is_read_in_its_canonical_form_alone) {
  FieldReader good(
      "word\n12\n00ff\nAAE=\n019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b\n"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nrest");
  good.expect("word");
  EXPECT_EQ(good.number(12), 12U);
  EXPECT_EQ(good.hex(2), std::string("\0\xff", 2));
  EXPECT_EQ(good.base64(2), std::string("\0\1", 2));
  EXPECT_EQ(good.session().to_text(), "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b");
  EXPECT_EQ(good.hashes(), std::vector<Hash>{Hash{}});
  EXPECT_EQ(good.rest(), "rest");
  EXPECT_TRUE(good.ok());
  EXPECT_FALSE(good.at_end());

  EXPECT_EQ(FieldReader("11\n").number(12), 0U);
  EXPECT_EQ(FieldReader("00FF\n").hex(2), "");
  EXPECT_EQ(FieldReader("00ff00\n").hex(2), "");
  EXPECT_EQ(FieldReader("AAF=\n").base64(2), "");
  EXPECT_EQ(FieldReader("AA==\n").base64(2), "");
  EXPECT_EQ(FieldReader("019C1A2B-3c4d-7e5f-8a6b-7c8d9e0f1a2b\n").session(), SessionId());
}

TEST(LogFields, a_reader_that_failed_stays_failed) {
  FieldReader reader("x\n1\nno end");
  EXPECT_EQ(reader.number(), 0U);
  EXPECT_EQ(reader.number(), 0U);
  EXPECT_EQ(reader.rest(), "");
  EXPECT_FALSE(reader.ok() || reader.at_end());
  FieldReader cut("no end");
  EXPECT_EQ(cut.field(), "");
  EXPECT_FALSE(cut.ok());
}

TEST(LogFields, a_list_of_hashes_is_bounded) {
  const std::string line(43, 'A');
  std::string text;
  for (size_t i = 0; i < kProofHashesMax; i++) text += line + "=\n";
  EXPECT_EQ(FieldReader(text + "\n").hashes().size(), kProofHashesMax);
  EXPECT_EQ(FieldReader(text + line + "=\n\n").hashes().size(), 0U);
  EXPECT_EQ(FieldReader(text).hashes().size(), 0U);
}

}  // namespace
}  // namespace gatetape
