#include "base/os/peer_role.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

TEST(PeerRole, a_certificate_has_exactly_one_known_role) {
  const struct {
    const char* name;
    std::vector<std::string> uris;
    std::string role;  // empty = refused
  } kRows[] = {{"a gateway", {"gatetape:gateway"}, "gateway"},
               {"a witness", {"gatetape:witness"}, "witness"},
               {"another scheme beside it", {"spiffe://x/y", "gatetape:auditd"}, "auditd"},
               {"none", {}, ""},
               {"another scheme alone", {"spiffe://gatetape/gateway"}, ""},
               {"two roles", {"gatetape:gateway", "gatetape:recorder"}, ""},
               {"the same role twice", {"gatetape:gateway", "gatetape:gateway"}, ""},
               {"an unknown role", {"gatetape:janitor"}, ""},
               {"an empty role", {"gatetape:"}, ""},
               {"a longer word", {"gatetape:gateways"}, ""},
               {"other letters", {"gatetape:Gateway"}, ""},
               {"a zero byte", {std::string("gatetape:gateway\0", 17)}, ""}};
  for (const auto& row : kRows) {
    const absl::StatusOr<PeerRole> role = role_of_uris(row.uris);
    EXPECT_EQ(role.ok() ? role_name(*role) : "", row.role) << row.name;
    EXPECT_EQ(absl::IsPermissionDenied(role.status()), row.role.empty()) << row.name;
  }
}

TEST(PeerRole, an_account_of_a_daemon_has_its_role) {
  ASSERT_TRUE(role_of_account("gatetape-portal").ok());
  EXPECT_EQ(*role_of_account("gatetape-portal"), PeerRole::kPortal);
  EXPECT_EQ(role_account(PeerRole::kKeeper), "gatetape-keeper");
  for (const char* account : {"root", "gatetape", "gatetape-", "gatetape-db", "gateway"})
    EXPECT_FALSE(role_of_account(account).ok()) << account;
}

}  // namespace
}  // namespace gatetape
