#include "client/cast.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/bytes.h"
#include "record/event.h"

namespace gatetape::client {
namespace {

using nlohmann::json;

std::string pty_data(uint32_t columns, uint32_t rows) {
  std::string data;
  put_string(&data, "xterm-256color");
  for (uint32_t value : {columns, rows, 0u, 0u}) put_u32(&data, value);
  put_string(&data, "");
  return data;
}

std::string window_data(uint32_t columns, uint32_t rows) {
  std::string data;
  for (uint32_t value : {columns, rows, 0u, 0u}) put_u32(&data, value);
  return data;
}

Frame request(uint64_t offset_ms, const std::string& name, const std::string& data) {
  const Event event{{"request", name}, {"want_reply", "1"}, {"data", data}};
  return {1, 1, FrameKind::kRequestIn, offset_ms * 1'000'000, event.encode()};
}

Frame bytes(uint64_t offset_ms, FrameKind kind, const std::string& payload) {
  return {1, 1, kind, offset_ms * 1'000'000, payload};
}

// cast_of gives the lines of a cast, parsed: each must be valid JSON, and so valid UTF-8.
std::vector<json> cast_of(const std::vector<Frame>& frames, bool with_input = false) {
  std::vector<json> lines;
  CastWriter cast({1'700'000'000'500'000'000, "alice: root@db1", with_input},
                  [&lines](const std::string& line) {
                    EXPECT_EQ(line.back(), '\n');
                    lines.push_back(json::parse(line));
                  });
  for (const Frame& frame : frames) cast.add(frame);
  cast.finish();
  return lines;
}

TEST(CastTest, header_is_what_the_terminal_was) {
  const auto lines = cast_of(
      {request(1, "pty-req", pty_data(120, 40)), bytes(1500, FrameKind::kOut, "hello\r\n")});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["version"], 2);
  EXPECT_EQ(lines[0]["width"], 120);
  EXPECT_EQ(lines[0]["height"], 40);
  EXPECT_EQ(lines[0]["timestamp"], 1'700'000'000);
  EXPECT_EQ(lines[0]["env"]["TERM"], "xterm-256color");
  EXPECT_EQ(lines[1], json::parse(R"([1.5, "o", "hello\r\n"])"));
}

TEST(CastTest, session_without_terminal_or_output_is_a_cast_too) {
  const auto lines = cast_of({});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["width"], 80);
  EXPECT_EQ(lines[0]["height"], 24);
}

TEST(CastTest, nonsense_sizes_are_not_believed) {
  const auto lines = cast_of({request(1, "pty-req", pty_data(4'000'000'000, 40)),
                              request(2, "window-change", window_data(0, 0)),
                              request(3, "window-change", "short")});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["width"], 80);
}

TEST(CastTest, resize_is_an_event) {
  const auto lines = cast_of({request(1, "pty-req", pty_data(80, 24)),
                              request(2000, "window-change", window_data(100, 30))});
  EXPECT_EQ(lines[1], json::parse(R"([2.0, "r", "100x30"])"));
}

TEST(CastTest, without_a_pty_each_line_starts_at_its_left) {
  const auto lines =
      cast_of({bytes(1, FrameKind::kOut, "a\nb\r"), bytes(2, FrameKind::kErr, "\nc\n"),
               request(3, "pty-req", pty_data(80, 24)), bytes(4, FrameKind::kOut, "d\n")});
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1][2], "a\r\nb\r");
  EXPECT_EQ(lines[2][2], "\nc\r\n");
  EXPECT_EQ(lines[3][2], "d\n");
}

TEST(CastTest, a_terminal_obeys_nothing_in_it) {
  std::string text;
  CastWriter cast({0, "\u009b", false}, [&text](const std::string& line) { text += line; });
  cast.add(bytes(1, FrameKind::kOut, "\u009b31m\x7f\u202e"));
  cast.finish();
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < '\x7f')) << text;
}

TEST(CastTest, split_characters_come_whole) {
  const auto lines =
      cast_of({bytes(1, FrameKind::kOut, "a\xe6"), bytes(2, FrameKind::kOut, "\x97"),
               bytes(3, FrameKind::kErr, "err"), bytes(4, FrameKind::kOut, "\xa5z")});
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1][2], "a");
  EXPECT_EQ(lines[2][2], "err");  // bytes of another stream do not split the character
  EXPECT_EQ(lines[3][2], "\xe6\x97\xa5z");
}

TEST(CastTest, invalid_bytes_are_replaced) {
  const auto lines = cast_of({bytes(1, FrameKind::kOut, "a\xff\xc0\xaf\xed\xa0\x80z\xe6")});
  EXPECT_EQ(lines[1][2].get<std::string>().substr(0, 4), "a\xef\xbf\xbd");
  EXPECT_EQ(lines[1][2].get<std::string>().back(), 'z');
  EXPECT_EQ(lines[2][2], "\xef\xbf\xbd");  // the character was never completed
}

TEST(CastTest, input_is_only_there_when_asked_for) {
  const std::vector<Frame> frames = {bytes(1, FrameKind::kIn, "secret")};
  EXPECT_EQ(cast_of(frames).size(), 1u);
  EXPECT_EQ(cast_of(frames, true)[1], json::parse(R"([0.001, "i", "secret"])"));
}

// fed gives what two pieces give.
std::string fed(const std::string& first, const std::string& second) {
  Utf8Stream stream;
  std::string text = stream.feed(first);
  text += stream.feed(second);
  text += stream.flush();
  return text;
}

TEST(Utf8StreamTest, any_cut_gives_the_same_text) {
  const std::string bytes = "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\xff\xe6\x97x\xf4\x90\x80\xc0";
  const std::string expected = fed(bytes, "");
  EXPECT_TRUE(is_utf8(expected));
  for (size_t cut = 0; cut <= bytes.size(); cut++)
    EXPECT_EQ(fed(bytes.substr(0, cut), bytes.substr(cut)), expected) << cut;
}

}  // namespace
}  // namespace gatetape::client
