// Tests the flow of a connection: when windows are opened, and what passes during a key exchange.
#include <gtest/gtest.h>

#include <string>

#include "gateway/session/receive_window.h"
#include "tests/support/ssh_client.h"
#include "tests/support/ssh_server.h"

namespace gatetape::gateway {
namespace {

using testing::packed;
using testing::ShimServer;
using testing::TempDir;
using Client = testing::SshClient;

// send writes `bytes` bytes, as the window allows, and waits each time until it is opened.
void send(Client& client, size_t bytes) {
  const std::string chunk(16384, 'x');
  for (size_t sent = 0; sent < bytes; sent += chunk.size()) {
    const auto size = static_cast<uint32_t>(chunk.size());
    ASSERT_TRUE(client.wait_for([&] { return ssh_channel_window_size(client.channel()) >= size; }));
    ASSERT_EQ(ssh_channel_write(client.channel(), chunk.data(), size), static_cast<int>(size));
  }
}

TEST(SshFlow, a_window_starts_small_and_libssh_does_not_open_it) {
  TempDir dir;
  ShimServer server(dir, {});
  Client client(server.port(), "");
  EXPECT_EQ(ssh_channel_window_size(client.channel()), 32000U);
  ASSERT_EQ(ssh_channel_write(client.channel(), "x", 1), 1);
  EXPECT_TRUE(client.wait_for([&] { return ssh_channel_window_size(client.channel()) > 32000; }));
  EXPECT_EQ(ssh_channel_window_size(client.channel()), WindowSizes{}.min_bytes);
}

TEST(SshFlow, a_window_that_is_used_grows_and_is_opened_again_after_three_packets) {
  TempDir dir;
  ShimServer server(dir, {});
  Client client(server.port(), "");
  send(client, 4'000'000);
  const size_t size = WindowSizes{}.max_bytes;
  const auto is_open = [&] {
    return ssh_channel_window_size(client.channel()) >= size - ReceiveWindow::kTakenBytesMax;
  };
  EXPECT_TRUE(client.wait_for(is_open)) << ssh_channel_window_size(client.channel());
  EXPECT_LE(ssh_channel_window_size(client.channel()), size);
}

TEST(SshFlow, a_window_stays_as_it_is_while_libssh_holds_bytes) {
  TempDir dir;
  ShimServer server(dir, {});
  Client client(server.port(), "");
  ASSERT_EQ(client.request("exec", packed({"spam"}), true), SSH_OK);
  ASSERT_TRUE(client.wait_for([&] { return ssh_channel_poll(client.channel(), 0) > 4096; }));
  ssh_counter_struct socket{};
  ssh_counter_struct packets{};
  ssh_set_counters(ssh_channel_get_session(client.channel()), &socket, &packets);
  EXPECT_FALSE(open_window(client.channel(), 1000));
  EXPECT_EQ(packets.out_packets, 0u);
  EXPECT_EQ(socket.in_bytes, 0u) << "the socket was read";
  ASSERT_EQ(client.request("eow@openssh.com", "", false), SSH_OK);
  EXPECT_EQ(client.read_to_end().substr(0, 4096), std::string(4096, 'z'));
}

}  // namespace
}  // namespace gatetape::gateway
