// Tests the flow of a connection: when windows are opened, and what passes during a key exchange.
#include <gtest/gtest.h>

#include <string>

#include "gateway/ssh/receive_window.h"
#include "tests/support/ssh_client.h"
#include "tests/support/ssh_server.h"

namespace gatetape::gateway {
namespace {

using testing::packed;
using testing::ShimServer;
using testing::TempDir;
using Client = testing::SshClient;

TEST(SshFlow, a_window_is_opened_again_after_three_packets) {
  TempDir dir;
  ShimServer server(dir, {});
  Client client(server.port(), "");
  const std::string sent(ReceiveWindow::kTakenBytesMax + 1, 'x');
  const auto size = static_cast<uint32_t>(sent.size());
  ASSERT_EQ(ssh_channel_write(client.channel(), sent.data(), size), static_cast<int>(size));
  EXPECT_TRUE(client.wait_for([&] {
    return ssh_channel_window_size(client.channel()) == kReceiveWindowBytes;
  })) << ssh_channel_window_size(client.channel());
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
  open_window(client.channel());
  EXPECT_EQ(packets.out_packets, 0u);
  EXPECT_EQ(socket.in_bytes, 0u) << "the socket was read";
  ASSERT_EQ(client.request("eow@openssh.com", "", false), SSH_OK);
  EXPECT_EQ(client.read_to_end().substr(0, 4096), std::string(4096, 'z'));
}

}  // namespace
}  // namespace gatetape::gateway
