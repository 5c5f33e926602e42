// The gate's promise: nothing is released before it is durable, under the same root, in order.
#include "tee/gate.h"

#include <gtest/gtest.h>

namespace gatetape::tee {
namespace {

Gate make_gate(uint64_t window_bytes = 1000) {
  return Gate(SessionId::mint(1'700'000'000'000'000'000), std::string(kCommitKeyBytes, 'k'),
              window_bytes);
}

TEST(Gate, nothing_is_released_before_it_is_durable) {
  Gate gate = make_gate();
  const FramePtr one = gate.offer(1, FrameKind::kIn, 5, "a");
  const FramePtr two = gate.offer(1, FrameKind::kIn, 6, "b");
  EXPECT_EQ(gate.release(), nullptr);
  ASSERT_TRUE(gate.durable(1, one->root).ok());
  EXPECT_EQ(gate.release(), one);
  EXPECT_EQ(gate.release(), nullptr);
  ASSERT_TRUE(gate.durable(2, two->root).ok());
  EXPECT_EQ(gate.release(), two);
}

TEST(Gate, a_cumulative_acknowledgement_releases_in_order) {
  Gate gate = make_gate();
  FramePtr last;
  for (int i = 0; i < 5; i++) last = gate.offer(1, FrameKind::kOut, 1, std::to_string(i));
  ASSERT_TRUE(gate.durable(5, last->root).ok());
  for (uint64_t n = 1; n <= 5; n++) EXPECT_EQ(gate.release()->frame.seq, n);
}

TEST(Gate, another_root_releases_nothing_for_ever) {
  Gate gate = make_gate();
  const FramePtr one = gate.offer(1, FrameKind::kIn, 5, "a");
  Hash other = one->root;
  other[0] = static_cast<char>(other[0] ^ 1);
  EXPECT_EQ(gate.durable(1, other).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(gate.durable(1, one->root).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(gate.release(), nullptr);
}

TEST(Gate, an_acknowledgement_of_what_was_not_offered_is_data_loss) {
  Gate gate = make_gate();
  const FramePtr one = gate.offer(1, FrameKind::kIn, 5, "a");
  EXPECT_EQ(gate.durable(2, one->root).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(gate.release(), nullptr);
}

TEST(Gate, an_old_acknowledgement_changes_nothing) {
  Gate gate = make_gate();
  const FramePtr one = gate.offer(1, FrameKind::kIn, 5, "a");
  ASSERT_TRUE(gate.durable(1, one->root).ok());
  EXPECT_TRUE(gate.durable(1, one->root).ok());
  EXPECT_TRUE(gate.durable(0, Hash{}).ok());
  EXPECT_NE(gate.release(), nullptr);
  EXPECT_EQ(gate.release(), nullptr);
}

TEST(Gate, the_window_counts_what_is_not_durable) {
  Gate gate = make_gate(10 + 2 * kFrameOverheadBytes);
  const FramePtr one = gate.offer(1, FrameKind::kIn, 5, "123456789");
  EXPECT_TRUE(gate.has_room());
  gate.offer(1, FrameKind::kIn, 6, "x");
  EXPECT_FALSE(gate.has_room());
  ASSERT_TRUE(gate.durable(1, one->root).ok());
  EXPECT_TRUE(gate.has_room());
  EXPECT_EQ(gate.pending_bytes(), 1U + kFrameOverheadBytes);
}

TEST(Gate, frames_of_one_byte_fill_the_window_as_the_memory_that_they_take) {
  Gate gate = make_gate(1 << 20);
  int offered = 0;
  for (; gate.has_room(); offered++) gate.offer(1, FrameKind::kIn, 5, "x");
  EXPECT_LT(offered, 10'000);
}

TEST(Gate, offsets_never_go_back) {
  Gate gate = make_gate();
  gate.offer(1, FrameKind::kIn, 9, "a");
  EXPECT_EQ(gate.offer(1, FrameKind::kIn, 3, "b")->frame.offset_ns, 9U);
}

TEST(Gate, the_head_covers_everything_offered) {
  Gate gate = make_gate();
  gate.offer(1, FrameKind::kIn, 1, "a");
  const FramePtr two = gate.offer(0, FrameKind::kSessionEnd, 2, "");
  EXPECT_EQ(gate.head().size, 2U);
  EXPECT_EQ(gate.head().root, two->root);
}

TEST(GateDeathTest, a_payload_over_the_limit_is_our_own_bug) {
  Gate gate = make_gate();
  EXPECT_DEATH(gate.offer(1, FrameKind::kIn, 1, std::string(kPayloadBytesMax + 1, 'x')),
               "kPayloadBytesMax");
  EXPECT_DEATH(Gate(gate.session(), "short", 1000), "kCommitKeyBytes");
}

}  // namespace
}  // namespace gatetape::tee
