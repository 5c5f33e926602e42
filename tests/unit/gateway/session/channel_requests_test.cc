// Tests of the requests of a channel: those that are denied, too long or too many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/unit/gateway/session/fake_session.h"

namespace gatetape::gateway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class ChannelRequestsTest : public testing::Test {
 protected:
  ChannelRequestsTest() { session_.up(); }

  FakeSession session_;
};

TEST_F(ChannelRequestsTest, a_denied_request_never_reaches_the_target_and_is_answered_in_order) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("pty-req", true));
  channel.on_request(Side::kUser, request("exec", true));
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("target: request pty-req"));
  channel.on_reply(Side::kTarget, true);
  session_.commit();
  session_.commit();
  EXPECT_THAT(session_.words_, testing::Not(Contains("target: request exec")));
  EXPECT_EQ(session_.words_[1], "user: success");
  EXPECT_THAT(session_.words_, Contains("user: request exit-status"));
  EXPECT_EQ(session_.words_.back(), "user: close");
}

TEST_F(ChannelRequestsTest, a_denied_agent_fails_without_a_word_once_its_denial_is_durable) {
  ChannelCore& channel = session_.open();
  session_.kinds();
  channel.on_request(Side::kUser, request("auth-agent-req@openssh.com", true));
  channel.on_request(Side::kUser, request("x11-req", false));
  session_.service();
  EXPECT_THAT(session_.words_, IsEmpty());
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("user: failure"));
  EXPECT_THAT(session_.kinds(), ElementsAre("denied", "denied"));
}

TEST_F(ChannelRequestsTest, a_failure_waits_for_the_answers_before_it_and_for_the_socket) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  channel.on_request(Side::kUser, request("x11-req", true));
  channel.on_request(Side::kUser, request("pty-req", true));
  session_.commit();
  channel.on_reply(Side::kTarget, true);
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("target: request shell", "target: request pty-req"));
  channel.on_reply(Side::kTarget, true);
  session_.peers_->busy_ = true;
  session_.commit();
  EXPECT_EQ(session_.words_.size(), 2U);
  session_.peers_->busy_ = false;
  session_.words_.clear();
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("user: success", "user: failure", "user: success"));
}

TEST_F(ChannelRequestsTest, a_denied_subsystem_fails_and_leaves_its_channel_open) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("subsystem", true));  // without a name
  session_.commit();
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("user: failure"));
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  EXPECT_EQ(session_.words_.back(), "target: request shell");
}

TEST_F(ChannelRequestsTest, a_second_program_of_a_channel_fails_and_leaves_the_first_alone) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  channel.on_reply(Side::kTarget, true);
  session_.commit();
  EXPECT_THAT(session_.words_,
              ElementsAre("target: request shell", "user: success", "user: failure"));
}

TEST_F(ChannelRequestsTest, a_denial_behind_the_close_of_the_target_has_no_answer) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("pty-req", true));
  session_.commit();
  channel.on_close(Side::kTarget);
  channel.on_request(Side::kUser, request("x11-req", true));
  session_.commit();
  session_.commit();
  EXPECT_THAT(session_.words_, Not(Contains("user: failure")));
  EXPECT_THAT(session_.words_, Contains("user: close"));
}

TEST_F(ChannelRequestsTest, requests_that_are_held_are_limited) {
  ChannelCore& channel = session_.open();
  const std::string much(1 << 18, 'x');
  while (channel.on_bytes(Side::kTarget, Stream::kData, much) != 0) {
  }
  for (size_t i = 1; i <= 257; i++) {
    channel.on_bytes(Side::kTarget, Stream::kStderr, std::string(i, 'e'));
    channel.on_bytes(Side::kTarget, Stream::kData, much + std::string(i, 'o'));
    channel.on_request(Side::kTarget, request("x", false));
  }
  channel.on_eof(Side::kTarget);
  session_.service();
  EXPECT_FALSE(session_.core_.over());
  channel.on_request(Side::kTarget, request("x", false));
  session_.service();
  EXPECT_TRUE(session_.core_.over());
}

TEST_F(ChannelRequestsTest, bytes_of_requests_that_are_held_are_limited) {
  ChannelCore& channel = session_.open();
  const std::string much(1 << 18, 'x');
  while (channel.on_bytes(Side::kTarget, Stream::kData, much) != 0) {
  }
  const Request longest{.name = "x", .want_reply = false, .data = std::string(255 << 10, 'r')};
  for (int i = 0; i < 4; i++) channel.on_request(Side::kTarget, longest);
  session_.service();
  EXPECT_FALSE(session_.core_.over());
  channel.on_request(Side::kTarget, longest);
  session_.service();
  EXPECT_THAT(session_.words_, Contains("over: protocol"));
}

TEST_F(ChannelRequestsTest, the_longest_request_passes_whole) {
  ChannelCore& channel = session_.open();
  Request longest{
      .name = std::string(256, 'n'), .want_reply = false, .data = std::string(255 << 10, 'x')};
  channel.on_request(Side::kTarget, longest);
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("user: request " + longest.name));
  EXPECT_EQ(Event::decode(session_.sent_.back()->frame.payload)->get("data"), longest.data);
}

TEST_F(ChannelRequestsTest, a_request_that_is_too_long_is_denied_alone_and_hashed) {
  ChannelCore& other = session_.open();
  ChannelCore& channel = session_.open();
  std::string data(size_t{255} << 10, 'x');
  data.back() = 'y';
  data += 'z';
  for (const Side from : {Side::kUser, Side::kTarget}) {
    session_.kinds();
    channel.on_request(from, {.name = "env", .want_reply = false, .data = data});
    EXPECT_THAT(session_.kinds(), ElementsAre("denied"));
    const absl::StatusOr<Event> denied = Event::decode(session_.sent_.back()->frame.payload);
    EXPECT_EQ(denied->get("reason"), "a request of 261121 bytes is too long, at most 261120 pass");
    EXPECT_EQ(denied->get("data"), data.substr(0, 64 << 10));
    EXPECT_EQ(denied->get("length"), "261121");
    EXPECT_EQ(denied->get("sha256"), to_hex(view(sha256(data))));
    EXPECT_EQ(denied->get("side"), side_name(from));
    session_.commit();
    session_.commit();
  }
  EXPECT_THAT(session_.words_, Not(Contains(testing::HasSubstr("request env"))));
  session_.words_.clear();
  channel.on_request(Side::kUser, request("shell", true));
  other.on_request(Side::kUser, request("shell", true));
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("target: request shell", "target: request shell"));
}

TEST_F(ChannelRequestsTest, a_program_whose_request_is_too_long_ends_its_channel_alone) {
  ChannelCore& other = session_.open();
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser,
                     {.name = "shell", .want_reply = true, .data = std::string(256 << 10, 'x')});
  session_.commit();
  session_.commit();
  EXPECT_EQ(session_.words_.back(), "user: close");
  other.on_bytes(Side::kUser, Stream::kData, "ls");
  session_.commit();
  EXPECT_EQ(session_.words_.back(), "target: ls");
}

TEST_F(ChannelRequestsTest, a_request_whose_name_is_too_long_is_denied_alone) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request(std::string(257, 'n'), true));
  session_.commit();
  session_.commit();
  EXPECT_THAT(session_.words_, Contains("user: failure"));
  EXPECT_FALSE(session_.core_.over());
}

}  // namespace
}  // namespace gatetape::gateway
