// Tests ReceiveWindow: when a window is opened again, and what a peer may send.
#include "gateway/session/receive_window.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

constexpr size_t kSize = 1280000;

ReceiveWindow opened() {
  ReceiveWindow window(32000);
  window.on_taken(1);
  window.on_opened(kSize - 32000);
  return window;
}

TEST(ReceiveWindow, is_opened_after_three_packets_or_when_half_is_used) {
  ReceiveWindow window = opened();
  EXPECT_TRUE(window.on_received(ReceiveWindow::kTakenBytesMax));
  window.on_taken(ReceiveWindow::kTakenBytesMax);
  EXPECT_EQ(window.due(kSize), 0u);
  EXPECT_TRUE(window.on_received(1));
  window.on_taken(1);
  EXPECT_EQ(window.due(kSize), ReceiveWindow::kTakenBytesMax + 1);

  ReceiveWindow small(32000);
  EXPECT_TRUE(small.on_received(16000));
  small.on_taken(16000);
  EXPECT_EQ(small.due(32000), 0u);
  EXPECT_TRUE(small.on_received(1));
  small.on_taken(1);
  EXPECT_EQ(small.due(32000), 16001u);
}

TEST(ReceiveWindow, stays_closed_while_nothing_was_taken) {
  ReceiveWindow window = opened();
  EXPECT_TRUE(window.on_received(kSize));
  EXPECT_EQ(window.open_bytes(), 0u);
  EXPECT_EQ(window.due(kSize), 0u);
}

TEST(ReceiveWindow, is_not_opened_while_it_is_larger_than_it_should_be) {
  ReceiveWindow window = opened();
  EXPECT_TRUE(window.on_received(kSize - 100'000));
  window.on_taken(kSize - 100'000);
  EXPECT_EQ(window.due(65536), 0u);
  EXPECT_TRUE(window.on_received(90'000));
  EXPECT_EQ(window.due(65536), 55536u);
}

TEST(ReceiveWindow, a_peer_that_sends_more_than_the_window_allows_is_seen) {
  ReceiveWindow window(32000);
  EXPECT_TRUE(window.on_received(32000 + ReceiveWindow::kExcessBytesMax));
  EXPECT_FALSE(window.on_received(1));
}

}  // namespace
}  // namespace gatetape::gateway
