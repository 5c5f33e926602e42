#include "base/os/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vector>

namespace gatetape {
namespace {

using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::StartsWith;

DaemonArguments parse(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_daemon_arguments(static_cast<int>(argv.size()), argv.data(), "gatetape-test",
                                "Tests.");
}

TEST(DaemonArguments, config_is_taken_in_both_forms) {
  EXPECT_EQ(parse({"p", "--config", "/a.toml"}).config, "/a.toml");
  EXPECT_EQ(parse({"p", "--config=/b.toml"}).config, "/b.toml");
}

TEST(DaemonArguments, what_cannot_be_used_exits_2_and_says_why) {
  EXPECT_EXIT(parse({"p"}), ExitedWithCode(2), "--config is missing");
  EXPECT_EXIT(parse({"p", "--config"}), ExitedWithCode(2), "wrong argument");
  EXPECT_EXIT(parse({"p", "--config", "a", "b"}), ExitedWithCode(2), "wrong argument b");
  EXPECT_EXIT(parse({"p", "--help"}), ExitedWithCode(0), "");
  EXPECT_EXIT(parse({"p", "--version"}), ExitedWithCode(0), "");
}

TEST(DaemonLog, a_line_is_one_json_object_whatever_the_fields_hold) {
  testing::internal::CaptureStderr();
  start_log("gatetape-test", "info");
  log_debug("hidden");
  log_warn("odd_name", {{"user", "a\"b\\c\n{}\x1b[0m\xff"}, {"port", "22"}});
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_THAT(out, StartsWith("{\"ts\":\"20"));
  EXPECT_THAT(out,
              HasSubstr("\"program\":\"gatetape-test\",\"level\":\"warn\",\"event\":\"odd_name\","
                        "\"user\":\"a\\\"b\\\\c\\\\x0a{}\\\\x1b[0m\\\\xff\",\"port\":\"22\"}\n"));
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

TEST(DaemonSignals, hangups_reload_until_a_termination) {
  DaemonSignals signals;
  int reloads = 0;
  pthread_kill(pthread_self(), SIGHUP);
  signals.run([&] {
    reloads++;
    pthread_kill(pthread_self(), SIGTERM);
  });
  EXPECT_EQ(reloads, 1);
}

TEST(DaemonNotify, readiness_reaches_the_socket_that_systemd_named) {
  char pattern[] = "/tmp/gatetape_notify_XXXXXX";
  const std::string dir = mkdtemp(pattern);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir + "/notify";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_ready();
  char buffer[256] = {};
  EXPECT_GT(recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT), 0);
  EXPECT_STREQ(buffer, "READY=1");
  unsetenv("NOTIFY_SOCKET");
  close(fd);
  unlink(path.c_str());
  rmdir(dir.c_str());
}

TEST(DaemonVersion, it_is_three_numbers) {
  EXPECT_THAT(version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace gatetape
