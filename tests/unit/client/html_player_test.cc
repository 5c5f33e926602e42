#include "client/html_player.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "record/event.h"

namespace gatetape::client {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kTemplate[] = "<h>@GATETAPE_HEADER@</h><c>@GATETAPE_CAST@</c><t>@GATETAPE_TEXT@</t>";

// between returns the text between two marks that both must occur.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t first = text.find(begin) + begin.size();
  return text.substr(first, text.find(end, first) - first);
}

std::string page_of(const PlayerPage& page) {
  const auto html = html_player(kTemplate, page);
  EXPECT_TRUE(html.ok()) << html.status();
  return html.value_or("");
}

json header_of(const PlayerPage& page) {
  return json::parse(between(page_of(page), "<h>", "</h>"));
}

Frame event_frame(FrameKind kind, const Event& event, uint64_t offset_ns = 0) {
  return {1, 1, kind, offset_ns, event.encode()};
}

Frame request(FrameKind kind, const std::string& name, const std::string& data) {
  return event_frame(kind, Event{{"request", name}, {"want_reply", "1"}, {"data", data}});
}

std::string sentence(const Frame& frame) {
  std::vector<PlayerEvent> events;
  add_player_event(frame, &events);
  return events.empty() ? "" : events[0].text;
}

std::string ssh_string(const std::string& text) {
  std::string data;
  put_string(&data, text);
  return data;
}

TEST(HtmlPlayerTest, page_holds_who_where_and_when) {
  PlayerPage page{.session_id = "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
                  .user = "alice",
                  .login = "root",
                  .target = "db1",
                  .started_at_unix_ns = 1'796'000'000'000'000'000,
                  .ended_at_unix_ns = 1'796'000'065'000'000'000};
  page.events = {{1'500'999'999, "a thing"}};
  const json header = header_of(page);
  EXPECT_EQ(header["title"], "alice: root@db1");
  EXPECT_EQ(header["facts"], json::parse(R"([["Session","019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"],
      ["Who","alice"],["Where","db1"],["Account there","root"],
      ["Started","2026-11-30T00:53:20.000Z"],["Ended","2026-11-30T00:54:25.000Z"],
      ["Duration","1m05s"]])"));
  EXPECT_EQ(header["events"], json::parse(R"([{"seconds":1.5,"text":"a thing"}])"));
}

TEST(HtmlPlayerTest, live_session_says_so) {
  EXPECT_THAT(header_of({.user = "a"}).dump(), HasSubstr("not yet, when this page was made"));
}

TEST(HtmlPlayerTest, cast_and_text_are_base64) {
  const std::string html = page_of({.cast = "</script><b>\n", .text = "@GATETAPE_TEXT@"});
  EXPECT_EQ(between(html, "<c>", "</c>"), to_base64("</script><b>\n"));
  EXPECT_EQ(between(html, "<t>", "</t>"), to_base64("@GATETAPE_TEXT@"));
}

TEST(HtmlPlayerTest, hostile_names_stay_text) {
  const std::string names[] = {
      "</script><script>alert(1)</script>",
      "<!--<script>",
      "&lt;b&gt;",
      "a\"b\\c\n\x1b[31m",
      "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae",
      std::string("\xff\xfe\x00\x80", 4),
      "@GATETAPE_CAST@@GATETAPE_TEXT@",
      "]]>",
  };
  for (const std::string& name : names) {
    SCOPED_TRACE(to_hex(name));
    const std::string html = page_of({.session_id = name,
                                      .user = name,
                                      .login = name,
                                      .target = name,
                                      .source = name,
                                      .events = {{0, name}},
                                      .cast = "cast"});
    EXPECT_EQ(between(html, "<c>", "</c>"), to_base64("cast"));
    const std::string header = between(html, "<h>", "</h>");
    EXPECT_EQ(header.find_first_of("<>&"), std::string::npos);
    for (const char byte : header) EXPECT_TRUE(byte >= ' ' && byte <= '~') << int{byte};
    EXPECT_TRUE(json::accept(header));
  }
  const json header = header_of({.user = "</script>", .events = {{0, "<b>&"}}});
  EXPECT_EQ(header["facts"][0][1], "</script>");
  EXPECT_EQ(header["events"][0]["text"], "<b>&");
}

TEST(HtmlPlayerTest, other_file_is_no_template) {
  for (const char* text : {"", "@GATETAPE_HEADER@", "@GATETAPE_CAST@@GATETAPE_TEXT@"}) {
    const auto html = html_player(text, {});
    EXPECT_EQ(html.status().code(), absl::StatusCode::kFailedPrecondition) << text;
  }
}

TEST(HtmlPlayerTest, frames_have_sentences) {
  EXPECT_EQ(sentence(event_frame(FrameKind::kSessionOpen, Event{{"user", "alice"},
                                                                {"login", "root"},
                                                                {"target", "db1"},
                                                                {"source", "192.0.2.1:5"}})),
            "alice opened a session on db1 as root, from 192.0.2.1:5.");
  EXPECT_EQ(sentence(request(FrameKind::kRequestIn, "exec", ssh_string("ls -l"))),
            "Command: ls -l");
  EXPECT_EQ(sentence(request(FrameKind::kRequestIn, "subsystem", ssh_string("sftp"))),
            "Request subsystem: sftp");
  EXPECT_EQ(sentence(request(FrameKind::kRequestOut, "exit-status", std::string("\0\0\0\2", 4))),
            "The program ended with exit status 2.");
  EXPECT_EQ(sentence(event_frame(
                FrameKind::kDenied,
                Event{{"what", "request"}, {"name", "x11-req"}, {"reason", "no role allows it"}})),
            "Denied: request x11-req: no role allows it");
  EXPECT_EQ(sentence(event_frame(FrameKind::kSessionEnd, Event{{"reason", "client"}})),
            "The session ended (client)");
}

TEST(HtmlPlayerTest, sentence_keeps_the_bytes_and_the_page_escapes_them_once) {
  const std::string text = sentence(request(FrameKind::kRequestIn, "exec", ssh_string("a\\\x1b")));
  EXPECT_EQ(text, "Command: a\\\x1b");
  EXPECT_EQ(header_of({.events = {{0, text}}})["events"][0]["text"], "Command: a\\\\\\x1b");
}

TEST(HtmlPlayerTest, bytes_and_broken_payloads_have_no_sentence) {
  EXPECT_EQ(sentence({1, 1, FrameKind::kOut, 0, "shown"}), "");
  EXPECT_EQ(sentence({1, 1, FrameKind::kDenied, 0, "no event"}), "");
  EXPECT_EQ(sentence(event_frame(FrameKind::kEofIn, Event{})), "");
  Frame absent{1, 1, FrameKind::kDenied, 0, ""};
  absent.absent = AbsentPayload{};
  EXPECT_EQ(sentence(absent), "");
}

}  // namespace
}  // namespace gatetape::client
