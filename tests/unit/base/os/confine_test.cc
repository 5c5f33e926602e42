#include "base/os/confine.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace gatetape {
namespace {

// holds_confined returns what `check` returns in a child process that is confined.
bool holds_confined(const std::function<bool()>& check) {
  const pid_t pid = fork();
  if (pid == 0) _exit(confine().ok() && check() ? 0 : 1);
  int status = 0;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Confine, what_a_daemon_never_needs_is_refused) {
  const struct {
    const char* name;
    std::function<bool()> check;
  } kRows[] = {
      {"core files",
       [] {
         rlimit limit{};
         return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0;
       }},
      {"dumpable", [] { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0; }},
      {"new privileges", [] { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }},
      {"filter", [] { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2; }},
      {"mount",
       [] { return mount("none", "/", "tmpfs", MS_REMOUNT, nullptr) != 0 && errno == EPERM; }},
      // Without a filter the kernel answers EFAULT to root, and EPERM to anyone else.
      {"settimeofday", [] { return syscall(SYS_settimeofday, 1, nullptr) != 0 && errno == EPERM; }},
      {"files stay", [] { return access("/", R_OK) == 0; }},
      {"children stay", [] {
         const pid_t pid = fork();
         if (pid == 0) _exit(0);
         return pid > 0 && waitpid(pid, nullptr, 0) == pid;
       }}};
  for (const auto& row : kRows) EXPECT_TRUE(holds_confined(row.check)) << row.name;
  EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

}  // namespace
}  // namespace gatetape
