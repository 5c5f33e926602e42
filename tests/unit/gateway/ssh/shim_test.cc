// Tests the requests of the shim: a stock OpenSSH client's requests arrive byte by byte and in
// order, and our requests and failure messages reach the peer.
#include "gateway/ssh/shim.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <string>
#include <vector>

#include "tests/support/ssh_client.h"
#include "tests/support/ssh_server.h"

namespace gatetape::gateway {
namespace {

using testing::packed;
using testing::run;
using testing::Seen;
using testing::ServerOptions;
using testing::ShimServer;
using testing::ssh_command;
using testing::StockSshd;
using testing::TempDir;
using Client = testing::SshClient;

std::vector<std::string> names(const std::vector<Seen>& seen) {
  std::vector<std::string> out;
  for (const Seen& one : seen) out.push_back(one.what);
  return out;
}

std::string data_of(const std::vector<Seen>& seen, const std::string& what) {
  for (const Seen& one : seen) {
    if (one.what == what) return one.data;
  }
  return "(none)";
}

TEST(SshShim, each_banner_of_a_server_arrives_as_it_was_sent) {
  TempDir dir;
  ServerOptions options;
  options.banners = {{std::string("any \xff\x1b\0 byte\n", 13), "de-CH"},
                     {std::string(65536, 'x'), ""}};
  ShimServer server(dir, options);
  EXPECT_EQ(Client(server.port(), "").banners(), options.banners);
  server.finish();
}

TEST(SshShim, a_stock_client_shows_a_banner) {
  TempDir dir;
  ServerOptions options;
  options.banners = {{"keep out\n", ""}, {"and stay there\n", "en"}};
  ShimServer server(dir, options);
  const auto result = run(ssh_command(dir, server.port()) +
                          " -o LogLevel=INFO root@127.0.0.1 echo 2>&1 </dev/null");
  EXPECT_NE(result.out.find("keep out\nand stay there\n"), std::string::npos) << result.out;
  server.finish();
}

TEST(SshShim, env_and_exec_are_seen_as_raw_bytes_in_order_with_data) {
  TempDir dir;
  ShimServer server(dir, {});
  const auto result = run("printf abc | " + ssh_command(dir, server.port()) +
                          " -o SetEnv='A=1 B=x' root@127.0.0.1 echo");
  EXPECT_EQ(result.out, "abc");
  server.finish();
  const auto seen = server.log().all();
  EXPECT_EQ(names(seen), (std::vector<std::string>{"global no-more-sessions@openssh.com", "env",
                                                   "env", "exec", "data", "eof"}));
  ASSERT_EQ(seen.size(), 6u);
  EXPECT_EQ(seen[1].data, packed({"A", "1"}));
  EXPECT_FALSE(seen[1].want_reply);
  EXPECT_EQ(seen[2].data, packed({"B", "x"}));
  EXPECT_EQ(seen[3].data, packed({"echo"}));
  EXPECT_TRUE(seen[3].want_reply);
  EXPECT_EQ(server.request_messages, 1u) << "only what wants a reply is a message";
}

TEST(SshShim, a_client_learns_that_its_request_failed) {
  TempDir dir;
  ServerOptions options;
  options.refused_requests = {"subsystem"};
  ShimServer server(dir, options);
  const auto result =
      run(ssh_command(dir, server.port()) + " -s root@127.0.0.1 sftp 2>&1 </dev/null");
  EXPECT_NE(result.out.find("subsystem request failed"), std::string::npos) << result.out;
  server.finish();
  EXPECT_EQ(data_of(server.log().all(), "subsystem"), packed({"sftp"}));
}

// Terminal runs the stock client on a pseudo-terminal.
class Terminal {
 public:
  explicit Terminal(const std::string& command) {
    termios modes{};
    winsize size = {24, 80, 640, 480};
    cfmakeraw(&modes);
    modes.c_cc[VERASE] = 8;
    modes.c_lflag |= ECHO | ICANON;
    const std::string exec = "exec " + command + " 2>/dev/null";
    pid_ = forkpty(&fd_, nullptr, &modes, &size);
    if (pid_ == 0) {
      execl("/bin/sh", "sh", "-c", exec.c_str(), nullptr);
      _exit(127);
    }
  }
  ~Terminal() {
    close(fd_);
    waitpid(pid_, nullptr, 0);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  void type(const std::string& text) {
    EXPECT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void resize(unsigned short rows, unsigned short columns) {
    winsize size = {rows, columns, 0, 0};
    EXPECT_EQ(ioctl(fd_, TIOCSWINSZ, &size), 0);
  }

 private:
  int fd_ = -1;
  pid_t pid_ = -1;
};

TEST(SshShim, pty_window_change_and_break_are_seen_with_data_and_forwarded_unchanged) {
  TempDir dir;
  ShimServer server(dir, {});
  {
    Terminal terminal("env TERM=xterm-256color " + ssh_command(dir, server.port()) +
                      " -tt root@127.0.0.1");
    ASSERT_TRUE(server.log().wait_for("shell"));
    terminal.type("abc\r");
    ASSERT_TRUE(server.log().wait_for("data", "abc\r"));
    terminal.resize(50, 132);
    ASSERT_TRUE(server.log().wait_for("window-change"));
    terminal.type("~Bdef");
    ASSERT_TRUE(server.log().wait_for("data", "def"));
    terminal.type("\r~.");
    server.finish();
  }
  const auto seen = server.log().all();
  EXPECT_EQ(names(seen),
            (std::vector<std::string>{"global no-more-sessions@openssh.com", "pty-req", "shell",
                                      "data", "window-change", "break", "data"}));
  std::string size;
  for (uint32_t number : {132u, 50u, 0u, 0u}) put_u32(&size, number);
  EXPECT_EQ(data_of(seen, "window-change"), size);

  const std::string pty = data_of(seen, "pty-req");
  ByteReader reader(pty);
  std::string_view term, modes;
  uint32_t columns = 0, rows = 0, width = 0, height = 0;
  reader.get_string(&term);
  reader.get_u32(&columns);
  reader.get_u32(&rows);
  reader.get_u32(&width);
  reader.get_u32(&height);
  reader.get_string(&modes);
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(term, "xterm-256color");
  EXPECT_EQ((std::vector<uint32_t>{columns, rows, width, height}),
            (std::vector<uint32_t>{80, 24, 640, 480}));
  EXPECT_NE(modes.find(std::string("\x03\0\0\0\x08", 5)), std::string_view::npos) << "VERASE ^H";

  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("id"));
  StockSshd sshd(dir, "AuthorizedKeysFile " + dir.path("id.pub") + "\n");
  Client client(sshd.port(), dir.path("id"));
  EXPECT_EQ(client.request("pty-req", pty, true), SSH_OK);
  EXPECT_EQ(client.request("exec", packed({"echo $TERM; stty -a"}), true), SSH_OK);
  const std::string out = client.read_to_end();
  for (const char* text : {"xterm-256color", "rows 24; columns 80", "erase = ^H", "-icrnl"}) {
    EXPECT_NE(out.find(text), std::string::npos) << text << " in " << out;
  }
}

TEST(SshShim, eow_stops_a_command_whose_reader_is_gone) {
  TempDir dir;
  ShimServer server(dir, {});
  EXPECT_EQ(
      run(ssh_command(dir, server.port()) + " root@127.0.0.1 spam </dev/null | head -c 10").out,
      "zzzzzzzzzz");
  server.finish();
  EXPECT_EQ(data_of(server.log().all(), "eow@openssh.com"), "");
}

TEST(SshShim, any_request_reaches_the_other_side_and_its_answer_comes_back) {
  TempDir dir;
  ServerOptions options;
  options.refused_requests = {"unheard-of@example.org"};
  ShimServer server(dir, options);
  {
    Client client(server.port(), "");
    const std::string binary("\0\xff\x01 raw", 7);
    EXPECT_EQ(client.request("signal", packed({"INT"}), false), SSH_OK);
    EXPECT_EQ(client.request("unheard-of@example.org", binary, true), SSH_ERROR);
    EXPECT_EQ(client.request("unheard-of@example.org", binary, false), SSH_OK);
    EXPECT_EQ(client.request("auth-agent-req@openssh.com", "", true), SSH_OK);
    EXPECT_EQ(ssh_channel_request_env(client.channel(), "A", "1"), SSH_OK)
        << "libssh's own requests are untouched";
    EXPECT_EQ(client.request("shell", "", true), SSH_OK);
    EXPECT_EQ(client.request("exit-signal", packed({"HUP"}), false), SSH_OK);
  }
  server.finish();
  const auto seen = server.log().all();
  EXPECT_EQ(names(seen), (std::vector<std::string>{
                             "signal", "unheard-of@example.org", "unheard-of@example.org",
                             "auth-agent-req@openssh.com", "env", "shell", "exit-signal"}));
  EXPECT_EQ(data_of(seen, "signal"), packed({"INT"}));
  EXPECT_EQ(data_of(seen, "unheard-of@example.org"), std::string("\0\xff\x01 raw", 7));
  EXPECT_EQ(data_of(seen, "env"), packed({"A", "1"}));
  EXPECT_EQ(server.request_messages, 4u);
}

TEST(SshShim, the_answer_to_a_channel_open_is_seen_with_its_reason) {
  TempDir dir;
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("id"));
  StockSshd sshd(dir, "AuthorizedKeysFile " + dir.path("id.pub") + "\nMaxSessions 1\n");
  Client client(sshd.port(), dir.path("id"));
  ASSERT_EQ(client.opened().size(), 1u);
  EXPECT_TRUE(client.opened()[0].first);
  ssh_channel second = ssh_channel_new(ssh_channel_get_session(client.channel()));
  EXPECT_EQ(ssh_channel_open_session(second), SSH_ERROR);
  ASSERT_EQ(client.opened().size(), 2u);
  EXPECT_EQ(client.opened()[1], (std::pair<bool, std::string>{false, "open failed"}));
}

TEST(SshShim, a_target_reports_how_its_command_ended) {
  TempDir dir;
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("id"));
  StockSshd sshd(dir, "AuthorizedKeysFile " + dir.path("id.pub") + "\n");
  {
    Client client(sshd.port(), dir.path("id"));
    EXPECT_EQ(client.request("exec", packed({"echo out; exit 3"}), true), SSH_OK);
    EXPECT_EQ(client.read_to_end(), "out\n");
    std::string three;
    put_u32(&three, 3);
    EXPECT_EQ(data_of(client.seen(), "exit-status"), three);
    EXPECT_NE(data_of(client.seen(), "global hostkeys-00@openssh.com"), "(none)");
  }
  Client client(sshd.port(), dir.path("id"));
  EXPECT_EQ(client.request("exec", packed({"kill -TERM $$"}), true), SSH_OK);
  client.read_to_end();
  EXPECT_EQ(data_of(client.seen(), "exit-signal").substr(0, 7), packed({"TERM"}).substr(0, 7));
}

TEST(SshShim, a_user_learns_why_a_channel_open_failed) {
  TempDir dir;
  ServerOptions options;
  options.refused_open = "no role lets alice reach db1; ask for role dba";
  ShimServer server(dir, options);
  const auto result = run(ssh_command(dir, server.port()) + " -W db1:22 alice@127.0.0.1 2>&1");
  EXPECT_NE(result.out.find("open failed: connect failed: " + options.refused_open),
            std::string::npos)
      << result.out;
}

TEST(SshShim, a_login_that_libssh_drops_is_counted) {
  TempDir dir;
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("id"));
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("ca") + " && ssh-keygen -q -s " +
      dir.path("ca") + " -I me -n root " + dir.path("id.pub"));
  // When only the type of the certificate is accepted and not that of its plain key, libssh accepts
  // the offered key and drops the login.
  ServerOptions options;
  options.accepted_types = "ssh-ed25519-cert-v01@openssh.com";
  ShimServer server(dir, options);
  run(ssh_command(dir, server.port()) + " -i " + dir.path("id") + " root@127.0.0.1 true 2>&1");
  server.finish();
  EXPECT_GE(server.auth_messages, 2u) << "none, and the offer";
  EXPECT_EQ(server.auth_packets, server.auth_messages + 1);
}

TEST(SshShim, keepalives_are_answered_by_libssh_alone) {
  TempDir dir;
  ShimServer server(dir, {});
  {
    Client client(server.port(), "");
    EXPECT_EQ(ssh_send_keepalive(ssh_channel_get_session(client.channel())), SSH_OK);
    EXPECT_EQ(client.request("keepalive@openssh.com", "", true), SSH_ERROR) << "as libssh does";
  }
  server.finish();
  EXPECT_TRUE(server.log().all().empty());
  EXPECT_EQ(server.request_messages, 0u);
}

}  // namespace
}  // namespace gatetape::gateway
