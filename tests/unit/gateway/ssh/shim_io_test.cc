// Tests the shim's I/O: read-ahead, pipes and the lifetime of descriptors, alone and under whole
// connections.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/support/ssh_server.h"

namespace gatetape::gateway {
namespace {

using testing::run;
using testing::ServerOptions;
using testing::ShimServer;
using testing::ssh_command;
using testing::TempDir;

bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

short poll_now(int fd, short events) {
  pollfd asked = {fd, events, 0};
  return poll(&asked, 1, 0) > 0 ? asked.revents : short{0};
}

// SshIo has a socket that is attached to the shim, and the other end of the socket. Both block.
class SshIo : public ::testing::Test {
 protected:
  SshIo() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fd_ = fds[0];
    peer_ = fds[1];
    io_attach(fd_);
  }
  ~SshIo() override {
    io_detach(fd_);
    if (peer_ >= 0) close(peer_);
  }
  int fd_ = -1;
  int peer_ = -1;
};

TEST_F(SshIo, a_small_read_takes_all_that_the_kernel_holds) {
  const std::string sent(100000, 'x');
  ASSERT_EQ(write(peer_, sent.data(), sent.size()), 100000);
  char buffer[4096];
  std::string got;
  EXPECT_EQ(recv(fd_, buffer, sizeof buffer, 0), 4096);
  int left = -1;
  ASSERT_EQ(ioctl(fd_, FIONREAD, &left), 0);
  EXPECT_EQ(left, 0);
  for (got.assign(buffer, 4096); io_readable(fd_);) {
    EXPECT_EQ(poll_now(fd_, POLLIN), POLLIN);
    got.append(buffer, static_cast<size_t>(recv(fd_, buffer, sizeof buffer, 0)));
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(poll_now(fd_, POLLIN), 0);
}

TEST_F(SshIo, reading_never_blocks_and_ends_with_the_peer) {
  char byte;
  EXPECT_EQ(recv(fd_, &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  ASSERT_EQ(write(peer_, "z", 1), 1);
  close(peer_);
  peer_ = -1;
  EXPECT_EQ(recv(fd_, &byte, 1, 0), 1);
  EXPECT_EQ(poll_now(fd_, POLLIN), POLLIN);
  EXPECT_EQ(recv(fd_, &byte, 1, 0), 0);
}

TEST_F(SshIo, writing_to_a_peer_that_does_not_read_never_blocks) {
  const std::string sent(4 << 20, 'x');
  EXPECT_EQ(poll_now(fd_, POLLOUT), POLLOUT);
  const ssize_t first = send(fd_, sent.data(), sent.size(), 0);
  EXPECT_GT(first, 0);
  ASSERT_LT(first, ssize_t{4 << 20});
  EXPECT_EQ(send(fd_, sent.data(), sent.size(), 0), 0);
  EXPECT_EQ(poll_now(fd_, POLLOUT), 0);
  std::string drained(static_cast<size_t>(first), ' ');
  EXPECT_EQ(recv(peer_, drained.data(), drained.size(), MSG_WAITALL), first);
  EXPECT_EQ(poll_now(fd_, POLLOUT), POLLOUT);
}

TEST_F(SshIo, at_the_end_the_last_bytes_reach_a_slow_peer_before_its_end) {
  const std::string sent(4 << 20, 'x');
  io_end_output(fd_);
  EXPECT_EQ(send(fd_, sent.data(), sent.size(), 0), ssize_t{4 << 20});
  ASSERT_EQ(write(peer_, "unread", 6), 6);
  EXPECT_TRUE(io_unsent(fd_));
  EXPECT_FALSE(io_finish(fd_));
  std::string got;
  char buffer[65536];
  for (ssize_t count; (count = recv(peer_, buffer, sizeof buffer, 0)) > 0; io_finish(fd_))
    got.append(buffer, static_cast<size_t>(count));
  EXPECT_TRUE(got == sent);
  EXPECT_FALSE(io_unsent(fd_));
  EXPECT_FALSE(io_finish(fd_)) << "the peer has not ended its stream";
  close(peer_);
  peer_ = -1;
  EXPECT_TRUE(io_finish(fd_));
}

TEST_F(SshIo, nothing_is_sent_behind_the_last_words) {
  io_end_output(fd_);
  EXPECT_EQ(send(fd_, "last", 4, 0), 4);
  io_mute(fd_);
  EXPECT_EQ(send(fd_, "more", 4, 0), 4);
  char buffer[16];
  EXPECT_EQ(recv(peer_, buffer, sizeof buffer, 0), 4);
  EXPECT_FALSE(io_finish(fd_));
  EXPECT_EQ(recv(peer_, buffer, sizeof buffer, 0), 0);
}

TEST_F(SshIo, the_end_of_a_stream_is_told_when_it_is_read) {
  EXPECT_FALSE(io_end(fd_).has_value());
  close(peer_);
  peer_ = -1;
  char byte;
  EXPECT_EQ(recv(fd_, &byte, 1, 0), 0);
  EXPECT_EQ(io_end(fd_), 0);
  EXPECT_TRUE(io_finish(fd_));
}

TEST_F(SshIo, a_partial_send_counts_only_what_the_kernel_took) {
  const int tiny = 1;  // the kernel raises it to its least size, about 4 KiB
  ASSERT_EQ(setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny), 0);
  std::string sent;
  for (int i = 0; i < 40000; i++) sent.push_back(static_cast<char>('a' + i % 23));
  std::string got;
  char buffer[1000];
  for (size_t at = 0; at < sent.size();) {
    EXPECT_EQ(poll_now(fd_, POLLOUT), POLLOUT);
    const ssize_t count = send(fd_, sent.data() + at, sent.size() - at, 0);
    ASSERT_GT(count, 0);
    at += static_cast<size_t>(count);
    if (at < sent.size()) {
      EXPECT_EQ(poll_now(fd_, POLLOUT), 0) << "after a partial send the socket is full";
    }
    for (ssize_t more; (more = recv(peer_, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
      got.append(buffer, static_cast<size_t>(more));
  }
  EXPECT_EQ(got.size(), sent.size());
  EXPECT_TRUE(got == sent);
}

// The client's connection is a socket of records, so that each send of the server stays apart.
TEST(SshIoOfConnections, a_reply_of_the_key_exchange_and_the_new_keys_leave_in_one_send) {
  TempDir dir;
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("server_key"));
  int to_server[2];
  int to_client[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, to_server), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, to_client), 0);
  ssh_bind bind = ssh_bind_new();
  const bool no = false;
  ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
  ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, dir.path("server_key").c_str());
  testing::SeenLog log;
  const ServerOptions options;
  auto server = std::make_unique<testing::ServerSession>(bind, to_server[0], false, options, &log);
  ssh_session client = ssh_new();
  ssh_options_set(client, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(client, SSH_OPTIONS_FD, &to_client[0]);
  ssh_set_blocking(client, 0);
  std::string record;
  std::string buffer(65536, ' ');
  const auto is_reply = [&] { return record.size() > 5 && record[5] == '\x1f'; };
  for (int i = 0; i < 1000 && !is_reply(); i++) {
    ssh_connect(client);
    fcntl(to_client[0], F_SETFL, O_NONBLOCK);
    server->step();  // so that libssh knows of room in the socket
    for (ssize_t got; (got = read(to_client[1], buffer.data(), buffer.size())) > 0;)
      ASSERT_EQ(write(to_server[1], buffer.data(), static_cast<size_t>(got)), got);
    server->step();
    for (ssize_t got;
         !is_reply() && (got = read(to_server[1], buffer.data(), buffer.size())) > 0;) {
      record.assign(buffer, 0, static_cast<size_t>(got));
      ASSERT_EQ(write(to_client[1], record.data(), record.size()), got);
    }
  }
  ASSERT_TRUE(is_reply());
  ByteReader reader(record);
  std::string_view reply, new_keys;
  ASSERT_TRUE(reader.get_string(&reply)) << "a packet before encryption is a string";
  ASSERT_TRUE(reader.get_string(&new_keys)) << "SSH_MSG_NEWKEYS comes later";
  EXPECT_EQ(new_keys[1], '\x15');
  ssh_free(client);
  server.reset();
  ssh_bind_free(bind);
  for (const int fd : {to_server[1], to_client[0], to_client[1]}) close(fd);
}

TEST_F(SshIo, what_a_peer_said_before_it_went_is_read_although_writing_failed) {
  ASSERT_EQ(write(peer_, "half", 4), 4);
  close(peer_);
  peer_ = -1;
  EXPECT_EQ(send(fd_, "to nobody", 9, 0), 9);
  char buffer[8];
  EXPECT_EQ(recv(fd_, buffer, sizeof buffer, 0), 4);
  EXPECT_EQ(poll_now(fd_, POLLIN), POLLIN);
  EXPECT_EQ(recv(fd_, buffer, sizeof buffer, 0), 0);
}

TEST_F(SshIo, a_closed_number_stays_taken_until_it_is_detached) {
  EXPECT_EQ(close(fd_), 0);
  EXPECT_TRUE(is_open(fd_));
  char byte;
  EXPECT_EQ(recv(peer_, &byte, 1, 0), 0) << "the peer is told at once";
  EXPECT_EQ(close(fd_), -1);
  io_detach(fd_);
  EXPECT_FALSE(is_open(fd_));
}

TEST_F(SshIo, detaching_closes_what_libssh_left_open_and_only_once) {
  io_detach(fd_);
  EXPECT_FALSE(is_open(fd_));
  const int again = dup(peer_);
  ASSERT_EQ(again, fd_) << "another descriptor has the number";
  io_detach(fd_);
  EXPECT_TRUE(is_open(again));
  close(again);
}

TEST(SshPipe, delivers_fed_bytes_then_the_end_and_keeps_sent_bytes) {
  const int fd = io_make_pipe();
  ASSERT_GE(fd, 0);
  char buffer[4];
  EXPECT_EQ(recv(fd, buffer, 4, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(poll_now(fd, POLLIN | POLLOUT), POLLOUT);
  pipe_feed(fd, "abcdef");
  EXPECT_EQ(pipe_pending_in(fd), 6u);
  pipe_feed_eof(fd);
  EXPECT_EQ(recv(fd, buffer, 4, 0), 4);
  EXPECT_EQ(std::string(buffer, 4), "abcd");
  EXPECT_EQ(recv(fd, buffer, 4, 0), 2);
  EXPECT_TRUE(io_readable(fd));
  EXPECT_EQ(recv(fd, buffer, 4, 0), 0);
  EXPECT_EQ(send(fd, "bye", 3, 0), 3);
  close(fd);
  EXPECT_FALSE(io_readable(fd));
  EXPECT_EQ(pipe_out(fd), "bye");
  pipe_pop(fd, 3);
  EXPECT_TRUE(pipe_out(fd).empty());
  io_detach(fd);
  EXPECT_FALSE(is_open(fd));
}

TEST(SshPipe, holds_one_mebibyte_and_no_more) {
  const int fd = io_make_pipe();
  const std::string big(3 << 20, 'x');
  EXPECT_EQ(send(fd, big.data(), big.size(), 0), 1 << 20);
  EXPECT_FALSE(pipe_has_room(fd));
  EXPECT_EQ(send(fd, big.data(), big.size(), 0), 0);
  EXPECT_EQ(poll_now(fd, POLLOUT), 0);
  pipe_pop(fd, 1000);
  EXPECT_EQ(send(fd, big.data(), big.size(), 0), 1000);
  close(fd);
  io_detach(fd);
}

TEST_F(SshIo, attaching_a_descriptor_twice_is_a_bug) {
  EXPECT_DEATH(io_attach(fd_), "find\\(fd\\) == nullptr");
}

TEST(SshPipe, nothing_is_fed_after_the_end) {
  const int fd = io_make_pipe();
  pipe_feed(fd, "last");
  pipe_feed_eof(fd);
  EXPECT_DEATH(pipe_feed(fd, "more"), "!pipe.in_ended");
  EXPECT_DEATH(pipe_feed_eof(fd), "!pipe.in_ended");
  close(fd);
  io_detach(fd);
}

TEST(SshPipe, more_bytes_than_there_are_cannot_be_dropped) {
  const int fd = io_make_pipe();
  EXPECT_EQ(send(fd, "abc", 3, 0), 3);
  pipe_pop(fd, 2);
  EXPECT_DEATH(pipe_pop(fd, 2), "count <= size");
  close(fd);
  io_detach(fd);
}

TEST(SshPipe, carries_a_whole_inner_session_of_fifty_megabytes_each_way) {
  TempDir dir;
  ServerOptions options;
  options.inner_servers = true;
  ShimServer server(dir, options);
  run("head -c 50000000 /dev/urandom > " + dir.path("input"));
  const std::string outer = ssh_command(dir, server.port()) + " -W inner:22 alice@127.0.0.1";
  const auto result =
      run(ssh_command(dir, 22) + " -o ProxyCommand=\"" + outer + "\" root@inner echo < " +
          dir.path("input") + " | cmp - " + dir.path("input"));
  EXPECT_EQ(result.exit_code, 0);
  server.finish();
  EXPECT_TRUE(server.read_ahead);
}

}  // namespace
}  // namespace gatetape::gateway
