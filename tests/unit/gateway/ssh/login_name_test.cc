#include "gateway/ssh/login_name.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

struct Row {
  const char* name;
  std::string text;
  bool ok;
  const char* user;
  const char* login;
  const char* target;
  uint16_t port;
};

class LoginNameTable : public testing::TestWithParam<Row> {};

TEST_P(LoginNameTable, each_form_is_parsed_and_all_else_is_rejected) {
  const Row& row = GetParam();
  const absl::StatusOr<LoginName> name = LoginName::parse(row.text);
  ASSERT_EQ(name.ok(), row.ok) << name.status();
  if (!row.ok) return;
  EXPECT_EQ(name->user, row.user);
  EXPECT_EQ(name->login, row.login);
  EXPECT_EQ(name->target, row.target);
  EXPECT_EQ(name->port, row.port);
  EXPECT_EQ(name->direct(), *row.user == '\0');
}

INSTANTIATE_TEST_SUITE_P(
    rows, LoginNameTable,
    testing::Values(Row{"user", "alice", true, "alice", "", "", 22},
                    Row{"jump", "jump", true, "jump", "", "", 22},
                    Row{"direct", "root@db1", true, "", "root", "db1", 22},
                    Row{"port", "root@db1:2222", true, "", "root", "db1", 2222},
                    Row{"v6", "root@[fd00::1]:22", true, "", "root", "fd00::1", 22},
                    Row{"login_with_at", "a@corp@db1", true, "", "a@corp", "db1", 22},
                    Row{"windows_login", "CORP\\alice@db1", true, "", "CORP\\alice", "db1", 22},
                    Row{"empty", "", false, "", "", "", 0},
                    Row{"no_login", "@db1", false, "", "", "", 0},
                    Row{"no_target", "root@", false, "", "", "", 0},
                    Row{"bad_port", "root@db1:x", false, "", "", "", 0},
                    Row{"space", "al ice@db1", true, "", "al ice", "db1", 22},
                    Row{"utf8", "J\xc3\xb6rg@db1", true, "", "J\xc3\xb6rg", "db1", 22},
                    Row{"latin1", "J\xf6rg@db1", true, "", "J\xf6rg", "db1", 22},
                    Row{"style", "root:skey@db1", true, "", "root:skey", "db1", 22},
                    Row{"space_in_target", "root@db 1", false, "", "", "", 0},
                    Row{"too_long", std::string(256, 'a'), false, "", "", "", 0}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace gatetape::gateway
