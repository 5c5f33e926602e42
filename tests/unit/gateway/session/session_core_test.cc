#include "gateway/session/session_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/session/fake_session.h"

namespace gatetape::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::unique_ptr<ChannelPort> peers(FakeSession* session) {
  return std::make_unique<FakePeers>(&session->words_);
}

TEST(SessionCore, each_step_of_the_login_waits_for_its_record) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  EXPECT_THAT(session.words_, IsEmpty());
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect"));
  session.core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  session.service();
  EXPECT_THAT(session.words_, ElementsAre("target: connect"));
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect", "user: in"));
}

// The gateway's own session names the session first.
TEST(SessionCore, nothing_passes_before_the_session_is_claimed) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  EXPECT_THAT(session.offers_, ElementsAre("claim", "session_open"));
  EXPECT_EQ(session.core_.open_channel("direct-tcpip", peers(&session)), nullptr);
  session.tell_durable(2, session.sent_.back()->root);
  session.service();
  EXPECT_THAT(session.words_, IsEmpty());
  EXPECT_FALSE(session.recording_.all_released());
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect", HasSubstr("user: refused")));
  EXPECT_TRUE(session.recording_.all_released());
}

TEST(SessionCore, a_claim_does_not_replace_the_record_of_the_opening) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.answer_claim(absl::OkStatus());
  session.service();
  EXPECT_THAT(session.words_, IsEmpty());
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect"));
}

TEST(SessionCore, a_session_that_cannot_be_claimed_ends_in_order) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.tell_durable(1, session.sent_.back()->root);
  session.answer_claim(absl::UnavailableError("too much waits for the recorder"));
  session.service();
  EXPECT_THAT(session.words_, ElementsAre("over: record_failed"));
  EXPECT_THAT(session.end_.text, HasSubstr("too much waits for the recorder"));
  EXPECT_THAT(session.kinds(), ElementsAre("session_open", "session_end"));
  EXPECT_EQ(session.head_.size, 2u);
  session.commit();
  EXPECT_TRUE(session.recording_.all_released());
}

TEST(SessionCore, a_session_whose_claim_is_not_answered_ends) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.tell_durable(1, session.sent_.back()->root);
  session.now_ns_ = session.limits_.open_timeout_ns;
  session.core_.on_tick();
  EXPECT_THAT(session.words_, ElementsAre("over: record_failed"));
  session.answer_claim(absl::OkStatus());
  EXPECT_THAT(session.words_, ElementsAre("over: record_failed"));
}

// connecting starts a session whose target is being dialled.
void connecting(FakeSession* session) {
  session->core_.start(Event{{"kind", "session"}});
  session->commit();
  session->words_.clear();
  session->kinds();
}

TEST(SessionCore, a_banner_of_the_target_waits_for_its_record) {
  FakeSession session;
  connecting(&session);
  session.core_.on_target_banner({.text = "keep out \xff\x1b\n", .language = "en"});
  session.service();
  EXPECT_THAT(session.kinds(), ElementsAre("banner"));
  EXPECT_THAT(session.words_, IsEmpty());
  session.core_.on_target_banner({.text = "again"});
  session.core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("user: banner en keep out \xff\x1b\n",
                                          "user: banner  again", "user: in"));
}

TEST(SessionCore, a_banner_is_shown_also_when_the_login_then_fails) {
  FakeSession session;
  connecting(&session);
  session.core_.on_target_banner({.text = "closed for work"});
  session.core_.on_target_failed(Event{{"reason", "auth_failed"}, {"detail", "no"}});
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("user: banner  closed for work", "over: target"));
}

TEST(SessionCore, banners_have_a_limit_and_end_with_the_login) {
  FakeSession session({.banner_bytes_max = 10, .banners_max = 3});
  connecting(&session);
  for (const char* text : {"", "12345678", "90abc", "more"})
    session.core_.on_target_banner({.text = text});
  session.core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  session.core_.on_target_banner({.text = "x"});
  session.commit();
  EXPECT_THAT(session.words_,
              ElementsAre("user: banner  12345678", "user: banner  90", "user: in"));
}

TEST(SessionCore, the_number_of_banners_has_a_limit) {
  FakeSession session({.banners_max = 2});
  connecting(&session);
  for (int i = 0; i < 3; i++) session.core_.on_target_banner({.text = "x"});
  EXPECT_THAT(session.kinds(), ElementsAre("banner", "banner"));
}

TEST(SessionCore, a_role_tells_that_the_session_is_recorded_when_it_is) {
  FakeSession session({}, 1 << 20, {.rule = "sre", .shell = true, .tell_recorded = true});
  session.core_.start(Event{{"kind", "session"}});
  EXPECT_THAT(session.words_, IsEmpty());
  session.commit();
  EXPECT_THAT(session.words_,
              ElementsAre("user: banner  This session is recorded.\r\n", "target: connect"));
}

TEST(SessionCore, a_channel_that_is_asked_for_before_the_login_waits_for_the_target) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.core_.open_channel("session", peers(&session));
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect"));
  session.core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect", "user: in", "target: open"));
}

TEST(SessionCore, a_user_whose_target_leaves_at_once_is_let_in_and_told) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.commit();
  session.core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
  session.target_lost_ = true;
  session.service();
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect", "user: in", "over: target_lost"));
}

TEST(SessionCore, what_is_held_is_dropped_with_its_session) {
  FakeSession session;
  session.core_.start(Event{{"kind", "session"}});
  session.core_.open_channel("session", peers(&session));
  session.commit();
  session.core_.finish({.reason = "shutdown", .detail = "", .text = ""});
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("target: connect", "over: shutdown"));
}

TEST(SessionCore, a_denied_channel_fails_when_the_denial_is_durable) {
  FakeSession session;
  session.up();
  EXPECT_EQ(session.core_.open_channel("direct-tcpip", peers(&session)), nullptr);
  session.service();
  EXPECT_THAT(session.words_, IsEmpty());
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre(HasSubstr("forwarding does not")));
}

TEST(SessionCore, a_denied_request_fails_when_the_denial_is_durable) {
  FakeSession session;
  session.up();
  session.core_.deny({.what = "global_request", .name = "x", .reason = "no", .number = 7});
  session.service();
  EXPECT_THAT(session.words_, IsEmpty());
  session.commit();
  EXPECT_THAT(session.words_, ElementsAre("request refused"));
}

TEST(SessionCore, a_harmless_global_request_leaves_no_denial) {
  FakeSession session;
  session.up();
  session.kinds();
  session.core_.on_global_request("keepalive@openssh.com");
  session.core_.on_global_request("streamlocal-forward@openssh.com");
  EXPECT_THAT(session.kinds(), ElementsAre("denied"));
}

TEST(SessionCore, channels_are_limited) {
  FakeSession session({.channels_max = 1});
  session.up();
  session.open();
  EXPECT_EQ(session.core_.open_channel("session", peers(&session)), nullptr);
}

TEST(SessionCore, a_channel_is_denied_when_memory_is_short_and_the_session_goes_on) {
  FakeSession session;
  session.up();
  ChannelCore& channel = session.open();
  session.budget_.sample(session.budget_.bytes_max() / 100 * 95);
  session.kinds();
  EXPECT_EQ(session.core_.open_channel("session", peers(&session)), nullptr);
  EXPECT_THAT(session.words_, IsEmpty());
  EXPECT_EQ(session.kinds(), Words{"denied"});
  session.commit();
  EXPECT_EQ(session.words_, Words{std::string("user: no resources: gatetape: ") + kMemoryDenial});
  channel.on_bytes(Side::kTarget, Stream::kData, "x");
  session.commit();
  EXPECT_EQ(session.words_.back(), "user: x");
  session.budget_.sample(0);
  session.open();
}

TEST(SessionCore, a_session_that_waits_too_long_for_the_recorder_ends) {
  FakeSession session;
  session.up();
  session.open().on_bytes(Side::kUser, Stream::kData, "x");
  session.now_ns_ = session.limits_.freeze_ns - 1;
  session.core_.on_tick();
  EXPECT_THAT(session.words_, IsEmpty());
  session.now_ns_++;
  session.core_.on_tick();
  EXPECT_THAT(session.words_, ElementsAre("over: record_failed"));
}

TEST(SessionCore, denials_are_rate_limited) {
  FakeSession session({.denials_burst = 3, .denials_per_second = 1});
  session.up();
  for (int i = 0; i < 3; i++) session.core_.deny({.what = "x", .name = "y", .reason = "z"});
  session.service();
  EXPECT_FALSE(session.core_.over());
  session.core_.deny({.what = "x", .name = "y", .reason = "z"});
  session.service();
  EXPECT_TRUE(session.core_.over());
}

TEST(SessionCore, the_end_is_the_last_frame_under_a_signed_head) {
  FakeSession session;
  session.up();
  session.user_lost_ = true;
  session.service();
  EXPECT_THAT(session.words_, ElementsAre("over: client"));
  EXPECT_EQ(session.sent_.back()->frame.kind, FrameKind::kSessionEnd);
  EXPECT_EQ(session.head_.size, session.sent_.back()->frame.seq);
  EXPECT_EQ(session.core_.offer(0, FrameKind::kDenied, ""), 0U);
}

TEST(SessionCore, a_connection_that_broke_did_not_end_by_itself) {
  FakeSession user;
  user.up();
  user.user_lost_ = true;
  user.loss_ = {.by_peer = false, .error = "reset"};
  user.service();
  EXPECT_EQ(user.end_.reason, "client_lost");
  EXPECT_EQ(user.end_.detail, "the connection to the client was lost: reset");
  FakeSession target;
  target.up();
  target.target_lost_ = true;
  target.loss_ = {.by_peer = false, .error = "reset"};
  target.service();
  EXPECT_EQ(target.end_.reason, "target_lost");
  EXPECT_EQ(target.end_.detail, "the connection to the target was lost: reset");
  EXPECT_EQ(target.end_.text, "gatetape: the connection to db1 was lost");
}

TEST(SessionCore, other_content_fails_the_record_and_ends_the_session) {
  FakeSession session;
  session.up();
  session.open().on_bytes(Side::kUser, Stream::kData, "x");
  session.tell_durable(session.sent_.back()->frame.seq, Hash{});
  EXPECT_THAT(session.failed_, HasSubstr("other content"));
  EXPECT_THAT(session.words_, ElementsAre("over: record_failed"));
}

TEST(SessionCore, a_close_before_the_end_fails_the_record) {
  FakeSession session;
  session.up();
  tee::TeeEvent closed;
  closed.type = tee::TeeEvent::Type::kClosed;
  session.recording_.on_event(closed);
  EXPECT_THAT(session.failed_, HasSubstr("has not ended"));
}

TEST(SessionCoreDeathTest, a_session_starts_once) {
  FakeSession session;
  session.up();
  EXPECT_DEATH(session.core_.start(Event{}), "seq == 1");
}

TEST(SessionCoreDeathTest, a_target_is_ready_once) {
  FakeSession session;
  session.up();
  EXPECT_DEATH(session.core_.on_target_ready(Event{}), "State::kConnecting");
}

TEST(SessionCoreDeathTest, a_frame_of_a_channel_that_was_never_opened_is_not_offered) {
  FakeSession session;
  session.up();
  EXPECT_DEATH(session.core_.offer(7, FrameKind::kIn, "x"), "channel <= last_channel_");
}

TEST(SessionCoreDeathTest, a_recording_without_an_owner_takes_nothing) {
  FakeSession session;
  session.recording_.set_owner(nullptr);
  EXPECT_DEATH(session.recording_.offer(0, FrameKind::kSessionOpen, ""), "owner_ != nullptr");
}

}  // namespace
}  // namespace gatetape::gateway
