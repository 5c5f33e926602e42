// What a grant lets through, and how many connections there may be.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "gateway/policy.h"
#include "gateway/startups.h"

namespace gatetape::gateway {
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
    bool shell, exec, sftp;  // which permission it needs
  };
  const Row rows[] = {{"shell", "", true, false, false},
                      {"exec", text("id"), false, true, false},
                      {"subsystem", text("sftp"), false, false, true}};
  for (const Row& row : rows) {
    EXPECT_EQ(refusal_of(grant(row.shell, row.exec, row.sftp), row.name, row.data), "") << row.name;
    EXPECT_NE(refusal_of(grant(!row.shell, !row.exec, !row.sftp), row.name, row.data), "")
        << row.name;
  }
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
    EXPECT_NE(refusal_of(all, name, ""), "") << name;
  EXPECT_NE(refusal_of(all, "subsystem", text("netconf")), "");
}

TEST(ChannelPolicy, hostile_data_is_refused) {
  const Grant all = grant(true, true, true);
  EXPECT_NE(refusal_of(all, "exec", "\xff\xff\xff\xffx"), "");
  EXPECT_NE(refusal_of(all, "exec", ""), "");
  EXPECT_NE(refusal_of(all, "subsystem", text("sftp") + "x"), "");
}

TEST(ChannelPolicy, what_belongs_to_a_terminal_passes_without_a_permission) {
  for (const char* name : {"pty-req", "env", "window-change", "signal", "break"})
    EXPECT_EQ(refusal_of(grant(false, false, false), name, ""), "") << name;
}

TEST(Startups, the_limits_count_before_and_after_login) {
  Startups startups({3, 2, 3});
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_EQ(startups.admit("a").message(), "max_startups_per_source");
  EXPECT_TRUE(startups.admit("b").ok());
  EXPECT_EQ(startups.admit("c").message(), "max_startups");
  startups.authenticated("a");
  EXPECT_TRUE(startups.admit("a").ok());
  startups.authenticated("a");
  EXPECT_EQ(startups.admit("a").message(), "max_connections_per_source");
}

TEST(Startups, who_leaves_makes_room) {
  Startups startups({1, 1, 1});
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_FALSE(startups.admit("a").ok());
  startups.leave("a", false);
  EXPECT_TRUE(startups.admit("a").ok());
  startups.authenticated("a");
  startups.leave("a", true);
  EXPECT_TRUE(startups.admit("b").ok());
}

}  // namespace
}  // namespace gatetape::gateway
