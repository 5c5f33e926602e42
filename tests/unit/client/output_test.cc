#include "client/output.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>

#include "client/session_view.h"
#include "record/frame.h"

namespace gatetape::client {
namespace {

// printed gives what an Output of two columns and these rows writes.
std::string printed(const std::string& format, const std::vector<std::vector<Cell>>& rows,
                    bool color = false) {
  char* bytes = nullptr;
  size_t size = 0;
  std::FILE* file = open_memstream(&bytes, &size);
  Output output(format, {{"user"}, {"bytes_in", true, true}, {"secret", false}}, color, file);
  for (const auto& row : rows) output.add(row);
  EXPECT_TRUE(output.finish().ok());
  std::fclose(file);
  std::string text(bytes, size);
  std::free(bytes);
  return text;
}

std::vector<Cell> row(const std::string& user, uint64_t bytes) {
  return {Cell::of_text(user), Cell::of_number(bytes), Cell::of_text("s")};
}

TEST(OutputTest, table_is_aligned_and_has_no_trailing_blanks) {
  EXPECT_EQ(printed("table", {row("al", 5), row("alexander", 12345)}),
            "USER       BYTES IN\n"
            "al                5\n"
            "alexander     12345\n");
  EXPECT_EQ(printed("table", {}), "");
}

TEST(OutputTest, wide_characters_keep_the_columns) {
  ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
  EXPECT_EQ(display_width("\xe6\x97\xa5"), 2u);
  EXPECT_EQ(printed("table", {row("\xe6\x97\xa5", 1), row("abcd", 2)}),
            "USER  BYTES IN\n"
            "\xe6\x97\xa5           1\n"
            "abcd         2\n");
}

TEST(OutputTest, long_tables_are_whole) {
  const std::string text = printed("table", std::vector<std::vector<Cell>>(2500, row("a", 1)));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2501);
}

TEST(OutputTest, json_is_an_array_of_all_columns) {
  EXPECT_EQ(printed("json", {}), "[]\n");
  const Json json = Json::parse(printed("json", {row("a\"b", 1), row("c", 2)}));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["user"], "a\"b");
  EXPECT_EQ(json[1]["bytes_in"], 2);
  EXPECT_EQ(json[1]["secret"], "s");
}

TEST(OutputTest, jsonl_is_one_object_a_line) {
  EXPECT_EQ(printed("jsonl", {row("a\nb", 1)}),
            "{\"user\":\"a\\\\x0ab\",\"bytes_in\":1,\"secret\":\"s\"}\n");
}

TEST(OutputTest, csv_is_quoted_where_it_must_be) {
  EXPECT_EQ(printed("csv", {row("a,\"b\"", 1), row("", 2)}),
            "user,bytes_in,secret\r\n\"a,\"\"b\"\"\",1,s\r\n,2,s\r\n");
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a\r\nb"), "\"a\r\nb\"");
}

TEST(OutputTest, nothing_from_outside_reaches_the_terminal) {
  for (const char* format : {"table", "json", "jsonl", "csv"}) {
    const std::string text = printed(format, {row("\x1b]0;evil\a\xff\xc2\x9b", 1)});
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << format;
    EXPECT_EQ(text.find('\xff'), std::string::npos) << format;
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos) << format;
  }
}

TEST(OutputTest, color_is_only_where_it_was_asked_for) {
  std::vector<Cell> cells = row("a", 1);
  cells[0].color = "31";
  EXPECT_EQ(printed("table", {cells}).find('\x1b'), std::string::npos);
  EXPECT_NE(printed("table", {cells}, true).find("\x1b[31ma\x1b[0m"), std::string::npos);
  EXPECT_EQ(printed("csv", {cells}, true).find('\x1b'), std::string::npos);
}

TEST(OutputTest, unknown_formats_are_refused) {
  EXPECT_TRUE(Output::check_format("jsonl").ok());
  EXPECT_FALSE(Output::check_format("yaml").ok());
}

TEST(OutputTest, full_disk_is_an_error) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  Output output("csv", {{"user"}}, false, full);
  output.add({Cell::of_text("a")});
  EXPECT_FALSE(output.finish().ok());
  std::fclose(full);
}

TEST(SessionViewTest, rows_fit_their_columns) {
  audit::v1::Session session;
  session.set_session_id(std::string(16, '\1'));
  session.set_started_at_unix_ns(1'700'000'000'000'000'000);
  session.set_state("live");
  Context context;
  const auto cells = session_cells(session, context, 1'700'000'005'000'000'000);
  const auto columns = session_columns("session");
  ASSERT_EQ(cells.size(), columns.size());
  Json object;
  for (size_t i = 0; i < columns.size(); i++) object[columns[i].name] = cells[i].value;
  EXPECT_EQ(object["id"], "01010101-0101-0101-0101-010101010101");
  EXPECT_EQ(object["started_at"], "2023-11-14T22:13:20.000Z");
  EXPECT_TRUE(object["ended_at"].is_null());
  EXPECT_EQ(object["duration_s"], 5.0);
  for (const char* key : {"kind", "user", "login", "target", "target_address", "source", "state",
                          "end_reason", "bytes_in", "bytes_out", "frames", "head"})
    EXPECT_TRUE(object.contains(key)) << key;
}

TEST(SessionViewTest, channel_is_chosen_only_when_it_is_clear) {
  audit::v1::SessionDetail detail;
  EXPECT_EQ(*pick_channel(detail, 0), 0u);
  const auto open = [&detail](uint32_t channel) {
    audit::v1::Event* event = detail.add_events();
    event->set_kind(static_cast<uint32_t>(FrameKind::kChannelOpen));
    event->set_channel(channel);
  };
  open(1);
  EXPECT_EQ(*pick_channel(detail, 0), 1u);
  open(2);
  EXPECT_EQ(pick_channel(detail, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*pick_channel(detail, 2), 2u);
  EXPECT_EQ(pick_channel(detail, 3).status(),
            absl::NotFoundError("the session has no channel 3; it has channels 1, 2"));
}

TEST(OpenedChannelsTest, a_channel_that_was_never_opened_is_not_found) {
  const auto opened = [](uint32_t count) {
    OpenedChannels channels;
    for (uint32_t channel = 1; channel <= count; channel++) {
      channels.add({channel, channel, FrameKind::kChannelOpen, 0, {}});
      channels.add({channel, channel + 1000, FrameKind::kOut, 0, {}});
    }
    return channels;
  };
  for (const uint32_t asked : {0u, 1u, 3u}) EXPECT_TRUE(opened(3).check(asked).ok()) << asked;
  EXPECT_EQ(opened(3).check(4),
            absl::NotFoundError("the session has no channel 4; it has channels 1, 2, 3"));
  EXPECT_EQ(opened(1).check(9),
            absl::NotFoundError("the session has no channel 9; it has channel 1"));
  EXPECT_EQ(opened(0).check(1),
            absl::NotFoundError("the session has no channel 1; it has no channels"));
  EXPECT_EQ(opened(22).check(23),
            absl::NotFoundError("the session has no channel 23; it has channels 1, 2, 3, 4, 5, 6, "
                                "7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 and 2 more"));
}

}  // namespace
}  // namespace gatetape::client
