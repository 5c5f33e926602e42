#include "record/derived.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "record/session_id.h"

namespace gatetape {
namespace {

std::string ssh_string(std::string_view text) {
  std::string out;
  put_string(&out, text);
  return out;
}

TEST(DerivedTest, session_row_is_frame_1) {
  const SessionId run = SessionId::mint(1);
  const Event event{{"kind", "session"},
                    {"user", "alice"},
                    {"login", "root"},
                    {"target", "db1"},
                    {"source", "[fd00::1]:4022"},
                    {"gateway_run", run.to_text()},
                    {"gateway", "gw\x1b[2J"},
                    {"started_at", "1700000000123456789"}};
  const Frame frame{1, 0, FrameKind::kSessionOpen, 0, event.encode()};
  const SessionRow row = derive_session(frame, event);
  EXPECT_EQ(row.kind, "session");
  EXPECT_EQ(row.user, "alice");
  EXPECT_EQ(row.source_ip, "fd00::1");
  EXPECT_EQ(row.source_port, 4022);
  EXPECT_EQ(row.gateway, "gw\\x1b[2J");
  EXPECT_EQ(row.gateway_run, run.bytes());
  EXPECT_EQ(row.started_at_ns, 1'700'000'000'123'456'000);
}

TEST(DerivedTest, system_session_ends_when_its_stop_says) {
  const Event event{{"reason", "SIGTERM"}};
  const Frame frame{9, 0, FrameKind::kStop, 2'000'000'500, event.encode()};
  const SessionEndRow row = derive_session_end(frame, event, 1'700'000'000'000'000'000);
  EXPECT_EQ(row.ended_at_ns, 1'700'000'002'000'000'000);
  EXPECT_EQ(row.frames, 9u);
  EXPECT_EQ(row.reason, "SIGTERM");
}

TEST(DerivedTest, a_stop_past_the_end_of_time_ends_there) {
  const Frame frame{2, 0, FrameKind::kStop, INT64_MAX, {}};
  const SessionEndRow row = derive_session_end(frame, Event(), INT64_MAX - 807);
  EXPECT_EQ(row.ended_at_ns, INT64_MAX - INT64_MAX % 1000);
}

TEST(DerivedTest, event_row_says_what_people_search) {
  struct Row {
    FrameKind kind;
    Event event;
    std::string name;
    std::string text;
  };
  const Row rows[] = {
      {FrameKind::kRequestIn,
       Event{{"request", "exec"}, {"want_reply", "1"}, {"data", ssh_string("rm -rf /\n")}}, "exec",
       "rm -rf /\\x0a"},
      {FrameKind::kRequestIn, Event{{"request", "shell"}, {"data", ""}}, "shell", ""},
      {FrameKind::kRequestIn, Event{{"request", "exec"}, {"data", "\x01junk"}}, "exec",
       "\\x01junk"},
      {FrameKind::kReplyOut, Event{{"request", "exec"}, {"ok", "1"}}, "exec", ""},
      {FrameKind::kDenied, Event{{"what", "request"}, {"name", "x11-req"}, {"reason", "policy"}},
       "denied", "request x11-req policy"},
      {FrameKind::kEofIn, Event{}, "eof_in", ""},
  };
  for (const Row& row : rows) {
    const EventRow derived = derive_event({7, 2, row.kind, 5, row.event.encode()}, row.event);
    EXPECT_EQ(derived.name, row.name);
    EXPECT_EQ(derived.text, row.text);
    EXPECT_EQ(derived.seq, 7u);
    EXPECT_EQ(derived.channel, 2u);
  }
}

TEST(DerivedTest, a_backslash_is_escaped_since_version_2) {
  const std::string bytes = "\\x1b\x1b";
  const Event malformed{{"request", "exec"}, {"data", bytes}};
  const auto texts = [&](const Event& event, FormatVersion version) {
    const SessionRow session =
        derive_session({1, 0, FrameKind::kSessionOpen, 0, ""}, event, version);
    const SessionEndRow end =
        derive_session_end({2, 0, FrameKind::kSessionEnd, 0, ""}, event, 0, version);
    const ChannelRow channel =
        *derive_channel({3, 1, FrameKind::kChannelOpen, 0, ""}, event, version);
    return std::vector<std::string>{
        session.login,
        end.detail,
        channel.type,
        derive_event({4, 1, FrameKind::kRequestIn, 0, ""}, malformed, version).text,
        derive_event({5, 1, FrameKind::kRequestIn, 0, ""}, event, version).name,
        derive_event({6, 1, FrameKind::kNotice, 0, ""}, event, version).text};
  };
  Event event;
  for (const char* key : {"login", "detail", "type", "request", "text"}) event.add(key, bytes);
  EXPECT_EQ(texts(event, FormatVersion::k1), std::vector<std::string>(6, "\\x1b\\x1b"));
  EXPECT_EQ(texts(event, FormatVersion::k2), std::vector<std::string>(6, "\\\\x1b\\x1b"));
}

TEST(DerivedTest, only_channel_open_makes_a_channel) {
  const Event event{{"type", "session"}};
  EXPECT_EQ(derive_channel({3, 1, FrameKind::kChannelOpen, 0, ""}, event),
            (ChannelRow{1, 3, "session"}));
  EXPECT_EQ(derive_channel({3, 1, FrameKind::kNotice, 0, ""}, event), std::nullopt);
}

TEST(DerivedTest, fields_survive_json) {
  const Event event{{"z", "text \"quoted\" \n"},
                    {"a", std::string("\0\xff", 2)},
                    {"utf8", "gr\xc3\xbc\xc3\x9f"},
                    {"nul", std::string("a\0b", 3)}};
  const std::string json = fields_json(event);
  EXPECT_EQ(json.find("\\u0000"), std::string::npos);  // jsonb rejects it
  const auto back = fields_from_json(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->fields(), event.fields());
}

TEST(DerivedTest, other_json_is_refused) {
  for (const char* json : {"", "[]", "{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"base64\":\"?\"}}", "{"})
    EXPECT_FALSE(fields_from_json(json).ok()) << json;
}

}  // namespace
}  // namespace gatetape
