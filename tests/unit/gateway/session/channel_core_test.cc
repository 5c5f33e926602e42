#include "gateway/session/channel_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "tests/unit/gateway/session/fake_session.h"

namespace gatetape::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChannelCoreTest : public testing::Test {
 protected:
  ChannelCoreTest() { session_.up(); }

  FakeSession session_;
};

TEST_F(ChannelCoreTest, bytes_wait_for_their_commit) {
  ChannelCore& channel = session_.open();
  EXPECT_EQ(channel.on_bytes(Side::kUser, Stream::kData, "ls\r"), 3U);
  session_.service();
  EXPECT_THAT(session_.words_, IsEmpty());
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("target: ls\r"));
}

TEST_F(ChannelCoreTest, the_answer_to_a_request_waits_for_its_commit) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  channel.on_reply(Side::kTarget, true);
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("target: request shell"));
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("target: request shell", "user: success"));
}

TEST_F(ChannelCoreTest, nothing_passes_a_request_that_the_target_has_not_answered) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("pty-req", true));
  channel.on_bytes(Side::kUser, Stream::kData, "x");
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("target: request pty-req"));
  channel.on_reply(Side::kTarget, false);
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("target: request pty-req", "target: x"));
}

TEST_F(ChannelCoreTest, steps_behind_held_bytes_keep_their_order) {
  ChannelCore& channel = session_.open();
  const std::string much(1 << 18, 'x');
  while (channel.on_bytes(Side::kTarget, Stream::kData, much) != 0) {
  }
  session_.kinds();
  channel.on_request(Side::kTarget, request("exit-status", false));
  EXPECT_EQ(channel.on_bytes(Side::kTarget, Stream::kData, much + "late"), 0U);
  channel.on_eof(Side::kTarget);
  channel.on_close(Side::kTarget);
  EXPECT_THAT(session_.kinds(), IsEmpty());
  session_.peers_->held_ = much + "late";
  session_.commit();
  Words kinds = session_.kinds();
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  EXPECT_THAT(kinds, ElementsAre("out", "request_out", "out", "eof_out", "close_out"));
}

// A peer that alternates between its streams while its bytes are held adds no steps without end.
TEST_F(ChannelCoreTest, alternating_streams_that_are_held_cost_no_memory_and_no_session) {
  ChannelCore& channel = session_.open();
  const std::string much(1 << 18, 'x');
  while (channel.on_bytes(Side::kTarget, Stream::kData, much) != 0) {
  }
  for (size_t i = 1; i <= 600; i++) {
    channel.on_bytes(Side::kTarget, Stream::kStderr, std::string(i, 'e'));
    channel.on_bytes(Side::kTarget, Stream::kData, much + std::string(i, 'o'));
  }
  channel.on_request(Side::kTarget, request("exit-status", false));
  session_.service();
  EXPECT_FALSE(session_.core_.over());
}

TEST_F(ChannelCoreTest, what_a_target_sends_behind_a_refusal_goes_nowhere) {
  ChannelCore* const channel =
      session_.core_.open_channel("session", std::make_unique<FakePeers>(&session_.words_));
  session_.commit();
  channel->on_open_answer(false, "no");
  channel->on_request(Side::kTarget, request("x", false));
  session_.commit();
  EXPECT_FALSE(session_.core_.over());
}

TEST_F(ChannelCoreTest, a_request_behind_empty_data_outlives_its_target) {
  ChannelCore* const channel =
      session_.core_.open_channel("session", std::make_unique<FakePeers>(&session_.words_));
  session_.commit();
  channel->on_open_answer(true, "");
  channel->on_bytes(Side::kTarget, Stream::kData, std::string(2 << 20, 'x'));
  EXPECT_EQ(channel->on_bytes(Side::kTarget, Stream::kData, ""), 0U);
  channel->on_request(Side::kTarget, request("x", false));
  session_.target_lost_ = true;
  session_.service();
  session_.service();
}

TEST_F(ChannelCoreTest, an_exit_status_passes_when_the_window_is_full) {
  ChannelCore& channel = session_.open();
  session_.peers_->window_ = 0;
  channel.on_request(Side::kTarget, request("exit-status", false));
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("user: request exit-status"));
}

TEST_F(ChannelCoreTest, eof_waits_for_the_last_bytes) {
  ChannelCore& channel = session_.open();
  session_.peers_->busy_ = true;
  channel.on_bytes(Side::kTarget, Stream::kData, "last");
  channel.on_eof(Side::kTarget);
  session_.commit();
  EXPECT_THAT(session_.words_, IsEmpty());
  session_.peers_->busy_ = false;
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("user: last", "user: eof"));
}

TEST_F(ChannelCoreTest, an_answer_that_nobody_waits_for_ends_the_session) {
  ChannelCore& channel = session_.open();
  channel.on_reply(Side::kTarget, true);
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("over: protocol"));
}

TEST_F(ChannelCoreTest, an_answer_that_a_close_came_with_does_no_harm) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  channel.on_close(Side::kTarget);
  EXPECT_FALSE(channel.awaits_reply());
  channel.on_reply(Side::kTarget, true);
  session_.commit();
  EXPECT_FALSE(session_.core_.over());
}

TEST_F(ChannelCoreTest, an_answer_of_the_user_ends_the_session) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  channel.on_reply(Side::kUser, true);
  session_.service();
  EXPECT_EQ(session_.words_.back(), "over: protocol");
}

TEST_F(ChannelCoreTest, a_second_answer_to_a_channel_open_ends_the_session) {
  ChannelCore& channel = session_.open();
  channel.on_open_answer(true, "");
  session_.service();
  EXPECT_THAT(session_.words_, ElementsAre("over: protocol"));
}

TEST_F(ChannelCoreTest, an_answer_and_the_end_that_came_with_it_reach_the_user_in_order) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  session_.words_.clear();
  channel.on_reply(Side::kTarget, true);
  channel.on_bytes(Side::kTarget, Stream::kData, "out");
  channel.on_eof(Side::kTarget);
  channel.on_request(Side::kTarget, request("exit-status", false));
  channel.on_close(Side::kTarget);
  session_.commit();
  EXPECT_THAT(session_.words_, ElementsAre("user: success", "user: out", "user: eof",
                                           "user: request exit-status", "user: close"));
}

TEST_F(ChannelCoreTest, an_answer_behind_held_bytes_keeps_its_place) {
  ChannelCore& channel = session_.open();
  channel.on_request(Side::kUser, request("shell", true));
  session_.commit();
  const std::string much(1 << 18, 'x');
  while (channel.on_bytes(Side::kTarget, Stream::kData, much) != 0) {
  }
  session_.kinds();
  channel.on_reply(Side::kTarget, true);
  EXPECT_THAT(session_.kinds(), IsEmpty());
  session_.peers_->held_ = much;
  session_.commit();
  Words kinds = session_.kinds();
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  EXPECT_THAT(kinds, ElementsAre("out", "reply_out"));
}

TEST_F(ChannelCoreTest, a_target_that_is_gone_is_told_and_then_closed) {
  ChannelCore& channel = session_.open();
  channel.on_bytes(Side::kTarget, Stream::kData, "half a li");
  session_.target_lost_ = true;
  session_.service();
  session_.commit();
  EXPECT_THAT(session_.words_,
              ElementsAre("user: half a li", "user stderr: gatetape: db1 closed the connection\r\n",
                          "user: close"));
}

using ChannelCoreDeathTest = ChannelCoreTest;

TEST_F(ChannelCoreDeathTest, a_target_goes_once) {
  ChannelCore& channel = session_.open();
  channel.on_target_gone("gone");
  EXPECT_DEATH(channel.on_target_gone("again"), "gone_.empty");
}

TEST_F(ChannelCoreDeathTest, a_frame_of_another_channel_is_not_taken) {
  ChannelCore& first = session_.open();
  session_.open().on_bytes(Side::kUser, Stream::kData, "x");
  EXPECT_DEATH(first.on_released(session_.sent_.back()), "step.channel == number_");
}

TEST_F(ChannelCoreDeathTest, a_frame_of_the_session_is_in_no_outbox) {
  ChannelCore& channel = session_.open();
  tee::SealedFrame sealed;
  sealed.frame = {99, channel.number(), FrameKind::kHeartbeat, 0, ""};
  EXPECT_DEATH(channel.on_released(std::make_shared<const tee::SealedFrame>(sealed)),
               "route != Route::kNobody");
}

TEST(ChannelCoreMemory, a_window_grows_while_its_peer_uses_it) {
  FakeSession session(SessionLimits{});
  session.up();
  ChannelCore& channel = session.open();
  for (const size_t window : {64000U, 128000U, 256000U}) {
    channel.on_bytes(Side::kTarget, Stream::kData, std::string(window, 'x'));
    session.commit();
  }
  // The windows were 64,000 bytes, then 128,000, 256,000 and 512,000.
  EXPECT_EQ(session.peers_->opened_, (std::array<size_t, 2>{0, 128000 + 256000 + 512000}));
}

TEST(ChannelCoreMemory, under_pressure_windows_and_outboxes_are_small) {
  FakeSession session(SessionLimits{});
  session.up();
  ChannelCore& channel = session.open();
  session.budget_.sample(session.budget_.bytes_max() / 100 * 80);
  session.peers_->window_ = 0;  // the user reads nothing
  size_t sent = 0;
  for (int i = 0; i < 10; i++) {
    const size_t window = 64000 + session.peers_->opened_[1] - sent;
    sent += window;
    session.peers_->held_ += std::string(window, 'x');
    if (channel.on_bytes(Side::kTarget, Stream::kData, session.peers_->held_) > 0)
      session.peers_->held_.clear();
    session.commit();
  }
  EXPECT_LE(sent, 4 * WindowSizes{}.min_bytes);
  EXPECT_LE(session.memory_->bytes(), 5 * WindowSizes{}.min_bytes);
  EXPECT_FALSE(session.core_.over());
}

TEST(ChannelCoreMemory, a_user_above_the_fair_share_gets_small_windows) {
  FakeSession session(SessionLimits{});
  session.up();
  ChannelCore& channel = session.open();
  const auto other = session.budget_.account("alice");
  other->update(0, session.budget_.bytes_max() / 4);
  for (int i = 0; i < 5; i++) {
    channel.on_bytes(Side::kTarget, Stream::kData, std::string(60000, 'x'));
    session.commit();
  }
  EXPECT_LE(session.peers_->opened_[1], 5 * WindowSizes{}.min_bytes);
  other->update(session.budget_.bytes_max() / 4, 0);
}

TEST(ChannelCoreMemory, more_data_than_the_window_allows_ends_the_session) {
  FakeSession session(SessionLimits{});
  session.up();
  ChannelCore& channel = session.open();
  const std::string allowed(32000 + ReceiveWindow::kExcessBytesMax, 'x');
  channel.on_bytes(Side::kUser, Stream::kData, allowed);
  session.service();
  EXPECT_FALSE(session.core_.over());
  channel.on_bytes(Side::kUser, Stream::kData, std::string(session.peers_->opened_[0] + 1, 'x'));
  session.service();
  EXPECT_EQ(session.end_.detail, "more data than the window allows");
}

TEST(ChannelCoreMemory, what_a_channel_counted_is_gone_with_it) {
  FakeSession session(SessionLimits{});
  session.up();
  ChannelCore& channel = session.open();
  session.service();
  EXPECT_EQ(session.memory_->bytes(), 32000U + 64000U);
  channel.on_close(Side::kTarget);
  channel.on_close(Side::kUser);
  session.commit();
  session.commit();
  EXPECT_EQ(session.memory_->bytes(), 0U);
}

}  // namespace
}  // namespace gatetape::gateway
