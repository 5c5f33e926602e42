// Tests which requests of a channel a grant allows.
#include "policy/channel_rules.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace gatetape {
namespace {

std::string text(std::string_view value) {
  std::string data;
  put_string(&data, value);
  return data;
}

Grant grant(bool shell, bool exec, bool sftp) { return {"r", shell, exec, sftp}; }

TEST(ChannelPolicy, each_permission_lets_its_own_request_pass_and_no_other) {
  struct Row {
    std::string name;
    std::string data;
    bool shell, exec, sftp;  // the permission that the request needs
  };
  const Row rows[] = {{"shell", "", true, false, false},
                      {"exec", text("id"), false, true, false},
                      {"subsystem", text("sftp"), false, false, true}};
  for (const Row& row : rows) {
    EXPECT_EQ(denial_of(grant(row.shell, row.exec, row.sftp), row.name, row.data), "") << row.name;
    EXPECT_NE(denial_of(grant(!row.shell, !row.exec, !row.sftp), row.name, row.data), "")
        << row.name;
    const Right right = right_of(row.name, row.data);
    EXPECT_EQ(denial_of_right(grant(row.shell, row.exec, row.sftp), right), "") << row.name;
    EXPECT_NE(denial_of_right(grant(!row.shell, !row.exec, !row.sftp), right), "") << row.name;
  }
}

TEST(ChannelPolicy, what_starts_no_program_uses_no_right) {
  EXPECT_EQ(right_of("pty-req", ""), Right::kNone);
  EXPECT_EQ(right_of("subsystem", text("netconf")), Right::kNone);
  EXPECT_EQ(denial_of_right(grant(false, false, false), Right::kNone), "");
}

TEST(ChannelPolicy, only_global_requests_that_ask_for_nothing_are_harmless) {
  EXPECT_TRUE(is_harmless_global("no-more-sessions@openssh.com"));
  EXPECT_TRUE(is_harmless_global("hostkeys-prove-00@openssh.com"));
  EXPECT_TRUE(is_harmless_global("cancel-tcpip-forward"));
  EXPECT_TRUE(is_harmless_global("keepalive@lag.net"));
  EXPECT_FALSE(is_harmless_global("streamlocal-forward@openssh.com"));
  EXPECT_FALSE(is_harmless_global("not-tcpip-forward"));
  EXPECT_FALSE(is_harmless_global(""));
}

TEST(ChannelPolicy, what_no_role_can_grant_never_passes) {
  const Grant all = grant(true, true, true);
  for (const char* name : {"x11-req", "auth-agent-req@openssh.com", "unknown@example.org", ""})
    EXPECT_NE(denial_of(all, name, ""), "") << name;
  EXPECT_NE(denial_of(all, "subsystem", text("netconf")), "");
}

TEST(ChannelPolicy, only_the_denial_of_a_shell_or_a_command_is_told) {
  for (const char* name : {"shell", "exec"}) EXPECT_TRUE(tells_denial(name)) << name;
  for (const char* name : {"subsystem", "x11-req", "auth-agent-req@openssh.com", "env", ""})
    EXPECT_FALSE(tells_denial(name)) << name;
}

TEST(ChannelPolicy, hostile_data_is_denied) {
  const Grant all = grant(true, true, true);
  EXPECT_NE(denial_of(all, "exec", "\xff\xff\xff\xffx"), "");
  EXPECT_NE(denial_of(all, "exec", ""), "");
  EXPECT_NE(denial_of(all, "subsystem", text("sftp") + "x"), "");
}

TEST(ChannelPolicy, what_belongs_to_a_terminal_passes_without_a_permission) {
  for (const char* name : {"pty-req", "env", "window-change", "signal", "break"})
    EXPECT_EQ(denial_of(grant(false, false, false), name, ""), "") << name;
}

}  // namespace
}  // namespace gatetape
