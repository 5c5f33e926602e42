#include "record/event.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace gatetape {
namespace {

std::string field(std::string_view key, std::string_view value) {
  std::string out;
  put_string(&out, key);
  put_string(&out, value);
  return out;
}

TEST(Event, decode_gives_what_encode_wrote) {
  Event event{{"user", "alice"}, {"data", std::string("\0\xff", 2)}, {"empty", ""}};
  event.add_number("frames", UINT64_MAX);
  const auto decoded = Event::decode(event.encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->fields(), event.fields());
  EXPECT_EQ(decoded->get_number("frames"), UINT64_MAX);
}

TEST(Event, bytes_are_those_of_the_format) {
  EXPECT_EQ(to_hex(Event{{"ok", "1"}}.encode()), "000000026f6b0000000131");
}

TEST(Event, no_bytes_are_an_event_without_fields) {
  const auto decoded = Event::decode("");
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded->fields().empty());
}

TEST(Event, the_first_of_equal_keys_counts) {
  const Event event{{"a", "1"}, {"a", "2"}};
  EXPECT_EQ(event.get("a"), "1");
  EXPECT_FALSE(event.has("b"));
  EXPECT_EQ(event.get("b"), "");
}

TEST(Event, what_is_no_number_is_zero) {
  for (const char* text : {"", "x", "-1", "18446744073709551616", "1.5"})
    EXPECT_EQ((Event{{"n", text}}).get_number("n"), 0u) << text;
}

TEST(EventDeathTest, a_key_that_no_decoder_accepts_is_not_encoded) {
  EXPECT_DEATH((void)Event({{"", "1"}}).encode(), "key.empty");
  EXPECT_DEATH((void)Event({{std::string(65, 'k'), "1"}}).encode(), "kKeyBytesMax");
}

TEST(Event, hostile_bytes_are_refused) {
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"empty key", field("", "v")},
      {"upper case", field("Key", "v")},
      {"65 characters", field(std::string(65, 'a'), "v")},
      {"NUL in key", field(std::string_view("a\0", 2), "v")},
      {"no value", field("key", "v").substr(0, 7)},
      {"cut value", field("key", "value").substr(0, 14)},
      {"length over the end", std::string("\xff\xff\xff\xff"
                                          "a")},
      {"one byte behind", field("key", "v") + "x"},
  };
  for (const auto& [name, bytes] : rows)
    EXPECT_EQ(Event::decode(bytes).status().code(), absl::StatusCode::kInvalidArgument) << name;
  EXPECT_TRUE(Event::decode(field(std::string(64, 'a'), "v")).ok());
}

}  // namespace
}  // namespace gatetape
