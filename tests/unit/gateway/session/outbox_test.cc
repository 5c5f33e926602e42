#include "gateway/session/outbox.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

// frame returns a new frame. Frames are numbered in the order of the calls.
tee::FramePtr frame(FrameKind kind, std::string payload) {
  static uint64_t seq = 0;
  tee::SealedFrame sealed;
  sealed.frame.seq = ++seq;
  sealed.frame.kind = kind;
  sealed.frame.payload = std::move(payload);
  return std::make_shared<const tee::SealedFrame>(std::move(sealed));
}

TEST(Outbox, bytes_leave_once_and_in_order_however_they_are_taken) {
  Outbox outbox;
  outbox.push(frame(FrameKind::kIn, "abc"));
  outbox.push(frame(FrameKind::kIn, "de"));
  EXPECT_EQ(outbox.bytes(), 5U + 2 * kFrameOverheadBytes);
  std::string written;
  while (!outbox.empty()) {
    written += outbox.rest().substr(0, 2);
    outbox.take(std::min<size_t>(2, outbox.rest().size()));
  }
  EXPECT_EQ(written, "abcde");
  EXPECT_EQ(outbox.bytes(), 0U);
}

TEST(Outbox, a_step_waits_behind_the_bytes_before_it) {
  Outbox outbox;
  outbox.push(frame(FrameKind::kOut, "x"));
  outbox.push(frame(FrameKind::kEofOut, ""));
  EXPECT_EQ(outbox.front().kind, FrameKind::kOut);
  outbox.take(1);
  EXPECT_EQ(outbox.front().kind, FrameKind::kEofOut);
  outbox.pop();
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, dropping_a_frame_drops_its_bytes) {
  Outbox outbox;
  outbox.push(frame(FrameKind::kOut, "abcd"));
  outbox.take(1);
  outbox.pop();
  EXPECT_EQ(outbox.bytes(), 0U);
  outbox.push(frame(FrameKind::kOut, "ef"));
  EXPECT_EQ(outbox.rest(), "ef");
}

TEST(Outbox, steps_are_counted_apart_from_bytes) {
  Outbox outbox;
  outbox.push(frame(FrameKind::kIn, std::string(5000, 'x')));
  EXPECT_EQ(outbox.step_bytes(), 0U);
  outbox.push(frame(FrameKind::kRequestIn, std::string(1000, 'x')));
  outbox.push(frame(FrameKind::kEofIn, ""));
  EXPECT_GT(outbox.step_bytes(), 1000U);
  outbox.take(5000);
  outbox.pop();
  EXPECT_GT(outbox.step_bytes(), 0U);
  EXPECT_LT(outbox.step_bytes(), 1000U);
  outbox.pop();
  EXPECT_EQ(outbox.step_bytes(), 0U);
  outbox.push(frame(FrameKind::kRequestIn, "x"));
  outbox.clear();
  EXPECT_EQ(outbox.step_bytes(), 0U);
}

TEST(OutboxDeathTest, more_bytes_are_never_taken_than_there_are) {
  Outbox outbox;
  outbox.push(frame(FrameKind::kIn, "abc"));
  EXPECT_DEATH(outbox.take(4), "bytes <= rest");
}

TEST(OutboxDeathTest, an_empty_outbox_has_no_front) {
  const Outbox outbox;
  EXPECT_DEATH(outbox.front(), "frames_.empty");
}

TEST(OutboxDeathTest, a_frame_never_waits_behind_a_later_one) {
  Outbox outbox;
  const tee::FramePtr early = frame(FrameKind::kIn, "a");
  outbox.push(frame(FrameKind::kIn, "b"));
  EXPECT_DEATH(outbox.push(early), "seq < frame->frame.seq");
}

}  // namespace
}  // namespace gatetape::gateway
