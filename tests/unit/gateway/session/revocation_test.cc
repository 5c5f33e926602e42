// What new rules do not allow ends: recorded first, with one line for the user, and nothing else
// passes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "gateway/session/session_core.h"
#include "tests/unit/gateway/session/fake_session.h"

namespace gatetape::gateway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kNoShellLine =
    "user stderr: gatetape: the access rules have changed: your roles do not allow a shell "
    "here\r\n";

// shell_revoked returns what the peers of a shell see when it is revoked.
Words shell_revoked() {
  return {"target: close", kNoShellLine, "user: request exit-status", "user: eof", "user: close"};
}

Access without_role() { return rules("roles = [\"sre\"]", "roles = []"); }
Access without_shell() { return rules("\"shell\", \"sftp\"", "\"sftp\", \"exec\""); }

class RevocationTest : public testing::Test {
 protected:
  RevocationTest() { session_.up(); }

  // start opens a channel and runs a program on it.
  ChannelCore& start(const std::string& name, const std::string& data = "") {
    ChannelCore& channel = session_.open();
    channel.on_request(Side::kUser, {.name = name, .want_reply = true, .data = data});
    session_.commit();
    channel.on_reply(Side::kTarget, true);
    session_.commit();
    session_.words_.clear();
    session_.kinds();
    return channel;
  }
  void change(const Access& access) {
    session_.core_.on_rules_changed(access);
    session_.service();
  }

  FakeSession session_;
};

TEST_F(RevocationTest, the_farewell_of_a_session_waits_for_its_record) {
  session_.kinds();
  change(without_role());
  EXPECT_TRUE(session_.core_.over());
  EXPECT_THAT(session_.kinds(), ElementsAre("session_end"));
  EXPECT_THAT(session_.words_, IsEmpty());
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("over: revoked"));
  EXPECT_EQ(session_.end_.text,
            "gatetape: the access rules have changed, so the session was ended: alice may not log "
            "in to db1 as root");
  session_.core_.on_tick();
  EXPECT_THAT(session_.words_, ElementsAre("over: revoked"));
}

TEST_F(RevocationTest, a_farewell_does_not_wait_for_ever) {
  change(without_role());
  session_.now_ns_ += SessionLimits{}.farewell_ns - 1;
  session_.core_.on_tick();
  EXPECT_THAT(session_.words_, IsEmpty());
  session_.now_ns_++;
  session_.core_.on_tick();
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("over: revoked"));
}

TEST_F(RevocationTest, a_farewell_of_a_record_that_failed_is_said_as_late) {
  change(without_role());
  tee::TeeEvent refused;
  refused.type = tee::TeeEvent::Type::kRefused;
  session_.recording_.on_event(refused);
  EXPECT_THAT(session_.words_, IsEmpty());
  session_.now_ns_ += SessionLimits{}.farewell_ns;
  session_.core_.on_tick();
  EXPECT_THAT(session_.words_, ElementsAre("over: revoked"));
}

TEST_F(RevocationTest, nothing_of_a_session_passes_after_its_revocation) {
  ChannelCore& channel = start("shell");
  session_.core_.deny({.what = "channel", .name = "x", .reason = "y", .number = 1});
  channel.on_bytes(Side::kUser, Stream::kData, "rm -rf\r");
  channel.on_bytes(Side::kTarget, Stream::kData, "secret");
  change(without_role());
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("over: revoked"));
}

TEST(Revocation, a_user_who_is_revoked_before_the_login_is_not_let_in) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.commit();
  session.core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  session.core_.on_rules_changed(without_role());
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect", "over: revoked"));
}

TEST(Revocation, the_host_key_that_the_target_has_shown_must_still_be_listed) {
  const std::string listed = to_base64(rules().target("db1")->host_key_blobs[0]);
  for (const std::string& shown : {listed, std::string("AAAA")}) {
    FakeSession session;
    session.core_.start(Event{{"kind", "session"}});
    session.commit();
    session.core_.on_target_ready(Event{{"host_key", shown}});
    session.core_.on_rules_changed(rules());
    EXPECT_EQ(session.core_.over(), shown != listed);
  }
}

TEST_F(RevocationTest, a_revoked_channel_closes_alone) {
  ChannelCore& files = start("subsystem", std::string("\0\0\0\4sftp", 8));
  FakePeers* const files_peers = session_.peers_;
  ChannelCore& shell = start("shell");
  change(without_shell());
  EXPECT_THAT(session_.words_, IsEmpty());
  EXPECT_THAT(session_.kinds(), ElementsAre("notice", "eof_out", "close_out", "close_in"));
  session_.commit();
  EXPECT_EQ(session_.words_, shell_revoked());
  shell.on_close(Side::kUser);
  shell.on_close(Side::kTarget);
  session_.commit();
  session_.words_.clear();
  EXPECT_NE(files_peers, nullptr);
  files.on_bytes(Side::kTarget, Stream::kData, "a file");
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("user: a file"));
  EXPECT_FALSE(session_.core_.over());
}

TEST_F(RevocationTest, nothing_of_a_channel_passes_after_its_revocation) {
  ChannelCore& channel = start("shell");
  session_.peers_->busy_ = true;  // what is released now waits
  channel.on_bytes(Side::kTarget, Stream::kData, "released");
  channel.on_bytes(Side::kUser, Stream::kData, "typed\r");
  session_.commit();
  session_.peers_->busy_ = false;
  channel.on_bytes(Side::kTarget, Stream::kData, "offered");
  channel.on_bytes(Side::kUser, Stream::kData, "offered\r");
  channel.on_request(Side::kTarget, request("exit-status", false));
  channel.on_request(Side::kUser, request("exec", true));
  session_.core_.on_rules_changed(without_shell());
  session_.kinds();
  channel.on_bytes(Side::kTarget, Stream::kData, "later");
  channel.on_bytes(Side::kUser, Stream::kData, "later\r");
  channel.on_request(Side::kUser, request("shell", true));
  channel.on_eof(Side::kUser);
  channel.on_close(Side::kTarget);
  EXPECT_THAT(session_.kinds(), IsEmpty());
  session_.commit();
  EXPECT_EQ(session_.words_, shell_revoked());
}

TEST_F(RevocationTest, bytes_that_the_library_holds_stay_there) {
  ChannelCore& channel = start("shell");
  channel.on_bytes(Side::kTarget, Stream::kData, std::string(1 << 20, 'x'));
  session_.peers_->held_ = "held";
  EXPECT_EQ(channel.on_bytes(Side::kTarget, Stream::kData, session_.peers_->held_), 0U);
  change(without_shell());
  session_.commit();
  EXPECT_THAT(session_.words_, Not(Contains(HasSubstr("held"))));
  EXPECT_THAT(session_.words_, Contains("user: close"));
}

TEST_F(RevocationTest, a_reply_that_the_target_owes_stops_no_close) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  change(without_shell());
  session_.commit();
  EXPECT_THAT(session_.words_, Contains("target: close"));
  channel.on_reply(Side::kTarget, true);
  session_.commit();
  EXPECT_FALSE(session_.core_.over());
}

TEST_F(RevocationTest, a_program_that_has_ended_is_not_shown_further) {
  ChannelCore& channel = start("shell");
  session_.peers_->window_ = 0;
  channel.on_bytes(Side::kTarget, Stream::kData, "for a slow user");
  channel.on_eof(Side::kTarget);
  channel.on_close(Side::kTarget);
  session_.commit();
  change(without_shell());
  session_.peers_->window_ = 1 << 20;
  session_.commit();
  EXPECT_EQ(session_.words_, shell_revoked());
}

TEST_F(RevocationTest, an_eof_is_not_sent_twice) {
  ChannelCore& channel = start("shell");
  channel.on_eof(Side::kTarget);
  session_.commit();
  session_.words_.clear();
  change(without_shell());
  session_.commit();
  EXPECT_THAT(session_.words_, Not(Contains("user: eof")));
  EXPECT_THAT(session_.words_, Contains("user: close"));
}

TEST_F(RevocationTest, a_second_change_says_nothing_more) {
  start("shell");
  change(without_shell());
  session_.kinds();
  change(without_shell());
  change(rules());
  EXPECT_THAT(session_.kinds(), IsEmpty());
}

TEST_F(RevocationTest, a_right_that_is_used_later_is_decided_under_the_new_rules) {
  ChannelCore& before = session_.open();
  change(without_shell());
  ChannelCore& after = session_.open();
  for (ChannelCore* channel : {&before, &after}) {
    channel->on_request(Side::kUser, request("shell", true));
    session_.commit();
    session_.commit();
    EXPECT_THAT(session_.words_, Not(Contains("target: request shell")));
    session_.words_.clear();
  }
  ChannelCore& command = session_.open();
  command.on_request(Side::kUser,
                     {.name = "exec", .want_reply = true, .data = std::string("\0\0\0\2id", 6)});
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("target: request exec"));
}

}  // namespace
}  // namespace gatetape::gateway
