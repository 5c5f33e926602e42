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

TEST(Event, texts_from_outside_are_cut_to_fit_a_frame) {
  Event event{{"path", "access.toml"}, {"error", std::string(300'000, 'e')}, {"last", "kept"}};
  const std::string cut = event.encode_within();
  EXPECT_LE(cut.size(), kFactsBytesMax);
  const Event read = *Event::decode(cut);
  EXPECT_EQ(read.get("path"), "access.toml");
  EXPECT_EQ(read.get("last"), "kept");
  EXPECT_TRUE(read.get("error").starts_with("eeee") && read.get("error").ends_with("e..."));
  EXPECT_GT(read.get("error").size(), 20'000U);
  EXPECT_EQ(Event({{"a", "b"}}).encode_within(), Event({{"a", "b"}}).encode());
}

TEST(Event, a_cut_text_ends_with_a_whole_character) {
  std::string text;
  while (text.size() < 100'000) text += "\xe2\x82\xac";
  for (const size_t shift : {0U, 1U, 2U}) {
    const Event event{{"text", std::string(shift, 'x') + text}};
    EXPECT_TRUE(is_utf8(Event::decode(event.encode_within())->get("text"))) << shift;
  }
}

TEST(Event, ten_thousand_fields_are_cut_too) {
  Event event;
  for (int i = 0; i < 10'000; i++) event.add("expected_host_key", std::string(2000, 'k'));
  const std::string cut = event.encode_within();
  EXPECT_LE(cut.size(), kFactsBytesMax);
  EXPECT_EQ(Event::decode(cut)->fields().size(), 256U);
}

}  // namespace
}  // namespace gatetape
