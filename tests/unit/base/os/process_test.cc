#include "base/os/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace gatetape {
namespace {

using ::testing::HasSubstr;

ProcessSpec shell(const std::string& script) {
  ProcessSpec spec;
  spec.argv = {"sh", "-c", script};
  return spec;
}

TEST(Process, output_errors_and_exit_code_come_back) {
  const auto result = run_process(shell("cat; echo no >&2; exit 3"), 10000, "yes");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "yes");
  EXPECT_EQ(result->errors, "no\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(Process, what_cannot_be_executed_is_an_error_of_start) {
  ProcessSpec spec;
  spec.argv = {"/nowhere/program"};
  EXPECT_EQ(Process::start(spec).status().code(), absl::StatusCode::kNotFound);
  spec.argv = {"/etc/passwd"};
  EXPECT_EQ(Process::start(spec).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(Process, a_program_that_runs_too_long_is_killed) {
  const auto result = run_process(shell("exec sleep 100"), 50);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Process, a_program_that_ignores_its_signal_is_killed_after_the_grace) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ProcessSpec spec = shell("trap '' TERM; echo; exec sleep 100");
  spec.output_fd = ends[1];
  auto process = Process::start(spec);
  ASSERT_TRUE(process.ok()) << process.status();
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);  // the trap is set
  EXPECT_FALSE(process->wait(0).has_value());
  EXPECT_EQ(process->stop(SIGTERM, 50), 128 + SIGKILL);
  EXPECT_EQ(process->wait(0), 128 + SIGKILL);
  close(ends[0]);
  close(ends[1]);
}

TEST(Process, the_environment_is_ours_and_the_given_without_our_notify_socket) {
  setenv("NOTIFY_SOCKET", "/ours", 1);
  ProcessSpec spec = shell("echo \"$NOTIFY_SOCKET/$EXTRA/$HOME\"");
  spec.environment = {{"EXTRA", "more"}, {"HOME", "/h"}};
  const auto result = run_process(spec, 10000);
  unsetenv("NOTIFY_SOCKET");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "/more//h\n");
}

TEST(Process, it_runs_in_a_session_of_its_own) {
  const auto result = run_process(shell("ps -o sid= -p $$; echo $$"), 10000);
  ASSERT_TRUE(result.ok()) << result.status();
  std::istringstream words(result->output);
  pid_t session = 0, pid = 1;
  words >> session >> pid;
  EXPECT_EQ(session, pid);
}

TEST(Process, root_drops_to_a_user_even_where_that_user_cannot_enter) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto user = RunUser::find("nobody");
  ASSERT_TRUE(user.ok()) << user.status();
  char pattern[] = "/tmp/gatetape_process_XXXXXX";
  const std::string dir = mkdtemp(pattern);  // mode 0700
  std::filesystem::copy("/usr/bin/id", dir + "/id");
  ProcessSpec spec;
  spec.argv = {dir + "/id", "-un"};
  spec.user = *user;
  const auto result = run_process(spec, 10000);
  std::filesystem::remove_all(dir);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "nobody\n");
}

TEST(Process, a_child_of_another_user_keeps_no_capability_but_the_one_that_was_asked_for) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ProcessSpec spec = shell("grep -E 'Cap(Prm|Eff|Amb)' /proc/self/status | cut -f 2");
  spec.user = *RunUser::find("nobody");
  const std::string none = std::string(16, '0') + "\n";
  EXPECT_EQ(run_process(spec, 10000)->output, none + none + none);
  spec.binds_low_ports = true;
  const std::string bind = "0000000000000400\n";
  EXPECT_EQ(run_process(spec, 10000)->output, bind + bind + bind);
}

TEST(Process, the_log_of_a_folder_that_is_not_the_users_is_opened_for_the_user) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  char folder[] = "/tmp/gatetape_process_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  ProcessSpec spec = shell("echo said");
  spec.user = *RunUser::find("nobody");
  spec.log_file = std::string(folder) + "/log";
  EXPECT_FALSE(Process::start(spec).ok());
  spec.parent_opens_log = true;
  auto process = Process::start(spec);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(process->wait(10000), 0);
  std::ostringstream text;
  text << std::ifstream(spec.log_file).rdbuf();
  EXPECT_EQ(text.str(), "said\n");
  std::filesystem::remove_all(folder);
}

TEST(Process, the_log_file_is_appended) {
  char pattern[] = "/tmp/gatetape_process_XXXXXX";
  const std::string dir = mkdtemp(pattern);
  for (int i = 0; i < 2; i++) {
    ProcessSpec spec = shell("echo out; echo err >&2");
    spec.log_file = dir + "/log";
    auto process = Process::start(spec);
    ASSERT_TRUE(process.ok()) << process.status();
    EXPECT_EQ(process->wait(10000), 0);
  }
  std::stringstream log;
  log << std::ifstream(dir + "/log").rdbuf();
  std::filesystem::remove_all(dir);
  EXPECT_EQ(log.str(), "out\nerr\nout\nerr\n");
}

TEST(RunUser, an_unknown_name_is_not_found) {
  EXPECT_EQ(RunUser::find("no-such-user-here").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RunUser::current().uid, geteuid());
}

}  // namespace
}  // namespace gatetape
