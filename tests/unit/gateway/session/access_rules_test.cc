// What an open session or connection may keep is decided as at its opening.
#include "gateway/session/access_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/unit/gateway/session/fake_session.h"

namespace gatetape::gateway {
namespace {

using testing::HasSubstr;

constexpr const char* kOtherKey =
    "AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/";
constexpr const char* kUserKey = "IAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

// Change is a difference between two files of rules, and why it ends the session. The reason is
// empty when the session goes on.
struct Change {
  const char* from;
  const char* to;
  const char* reason;
};

const Change kChanges[] = {
    {"", "", ""},
    {"name = \"alice\"", "name = \"bob\"", "alice is not in access.toml any more"},
    {kUserKey, "ICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/",
     "the key with which alice logged in is not in access.toml any more"},
    {"[[user]]\nname = \"alice\"", "[[user]]\nname = \"alice\"\n[[user]]\nname = \"bob\"",
     "the key with which alice logged in is not in access.toml any more"},
    {"roles = [\"sre\"]", "roles = []", "alice may not log in to db1 as root"},
    {"logins = [\"root\"]", "logins = [\"backup\"]", "alice may not log in to db1 as root"},
    {"targets = [\"env=prod\"]", "targets = [\"10.0.0.0/8\"]", ""},
    {"env = \"prod\"", "env = \"test\"", "alice may not log in to db1 as root"},
    {"{ env = \"prod\" }", "{ env = \"prod\", tier = \"data\" }", ""},
    {"name = \"db1\"", "name = \"db2\"", "no target db1"},
    {"10.0.0.1", "10.0.0.2", "db1 is another machine in access.toml now"},
    {"\"10.0.0.1\"", "\"10.0.0.1:2222\"", "db1 is another machine in access.toml now"},
    {"AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA", kOtherKey,
     "db1 is another machine in access.toml now"},
    {"allow = [\"shell\", \"sftp\"]", "allow = [\"exec\"]", ""},
};

SessionWish open_session() {
  SessionWish open = wish();
  open.host_key = to_base64(rules().target("db1")->host_key_blobs[0]);
  return open;
}

TEST(AccessRules, an_open_session_is_decided_as_at_its_opening) {
  for (const Change& change : kChanges) {
    const absl::StatusOr<Grant> grant =
        decide_session(rules(change.from, change.to), open_session());
    EXPECT_EQ(grant.status().message(), change.reason) << change.to;
  }
}

TEST(AccessRules, a_target_of_which_nothing_is_known_yet_is_only_found_by_its_name) {
  SessionWish asked = wish();
  asked.address = "";
  EXPECT_TRUE(decide_session(rules("10.0.0.1", "10.0.0.2"), asked).ok());
  asked.target = "10.0.0.1";
  EXPECT_FALSE(decide_session(rules(), asked).ok());
}

TEST(AccessRules, an_inner_connection_needs_the_credential_of_the_outer_one) {
  const Credential credential = wish().credential;
  EXPECT_EQ(decide_inner(rules(), credential, "db1", 22)->name, "db1");
  for (const Change& change : kChanges) {
    if (std::string_view(change.reason).find("access.toml any more") == std::string_view::npos)
      continue;
    const Access changed = rules(change.from, change.to);
    EXPECT_EQ(decide_inner(changed, credential, "db1", 22).status().message(), change.reason);
    EXPECT_EQ(denial_of_credential(changed, credential), change.reason);
  }
}

TEST(AccessRules, an_inner_connection_is_denied_with_its_reason) {
  const Credential credential = wish().credential;
  const auto reason = [&](const Access& access, int port) {
    return std::string(decide_inner(access, credential, "db1", port).status().message());
  };
  EXPECT_EQ(reason(rules(), 70'000), "no target db1:70000");
  EXPECT_EQ(reason(rules(), 23), "no target db1:23");
  EXPECT_EQ(reason(rules("env = \"prod\"", "env = \"test\""), 22), "your roles do not reach db1");
  EXPECT_THAT(reason(rules("host_keys", "# host_keys"), 22), HasSubstr("has no host_keys"));
}

}  // namespace
}  // namespace gatetape::gateway
