#include "policy/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "formats/openssh_key.h"

namespace gatetape {
namespace {

using ::testing::HasSubstr;

std::string fresh_key(const std::string& comment = "someone") {
  return openssh_line(SigningKey::generate().public_key(), comment);
}

Access parsed(const std::string& text) {
  auto access = Access::parse(text, "/etc/gatetape/access.toml");
  EXPECT_TRUE(access.ok()) << access.status();
  return access.ok() ? *std::move(access) : Access();
}

const std::string& good_text() {
  static const std::string text = R"(
[[user]]
name = "alice"
keys = [")" + fresh_key("alice@laptop") +
                                  R"("]
roles = ["sre", "dba"]
[[user]]
name = "bob"
roles = []
[[target]]
name = "db1"
address = "10.2.2.7:2200"
labels = { env = "prod", tier = "data" }
[[target]]
name = "web1"
address = "web1.example.org"
key_file = "keys/web1"
[[target]]
name = "v6"
address = "[FD00::0:1]:22"
host_keys = [")" + fresh_key() + R"("]
[[role]]
name = "sre"
targets = ["web*"]
logins = ["deploy", "app-?"]
allow = ["shell", "exec"]
[[role]]
name = "dba"
targets = ["env=prod", "web1"]
logins = ["*"]
allow = ["sftp"]
)";
  return text;
}

TEST(Access, a_file_arrives_whole) {
  const Access access = parsed(good_text());
  ASSERT_EQ(access.users().size(), 2u);
  ASSERT_EQ(access.targets().size(), 3u);
  EXPECT_EQ(access.user_of_key(access.users()[0].key_blobs[0]), access.user("alice"));
  EXPECT_EQ(access.user_of_key("other"), nullptr);
  EXPECT_EQ(access.user("carol"), nullptr);
  EXPECT_EQ(access.targets()[0].labels.at("tier"), "data");
  EXPECT_EQ(access.targets()[1].key_file, "/etc/gatetape/keys/web1");
  EXPECT_EQ(access.targets()[1].port, 22);
  EXPECT_EQ(access.targets()[2].host, "fd00::1");
}

TEST(Access, a_key_file_that_others_may_read_or_that_is_not_there_is_refused) {
  const std::string path = ::testing::TempDir() + "gatetape_login_key";
  Access access =
      parsed("[[target]]\nname = \"h\"\naddress = \"h\"\nkey_file = \"" + path + "\"\n");
  EXPECT_THAT(std::string(access.read_keys().message()), HasSubstr(path));
  std::ofstream(path) << "a key";
  chmod(path.c_str(), 0644);
  EXPECT_THAT(std::string(access.read_keys().message()), HasSubstr("chmod 600"));
  chmod(path.c_str(), 0600);
  EXPECT_TRUE(access.read_keys().ok());
  EXPECT_EQ(access.targets()[0].key, "a key");
  unlink(path.c_str());
}

TEST(Access, a_target_is_found_by_name_then_by_address) {
  const Access access = parsed(good_text());
  const struct {
    const char* host;
    uint16_t port;
    const char* found;
  } kRows[] = {
      {"db1", 22, "db1"},
      {"DB1", 22, "db1"},
      {"db1", 2200, "db1"},
      {"db1", 23, nullptr},
      {"10.2.2.7", 2200, "db1"},
      {"10.2.2.7", 22, "db1"},
      {"10.2.2.7", 80, nullptr},
      {"10.2.2.8", 22, nullptr},
      {"fd00::1", 22, "v6"},
      {"fd00:0:0::1", 22, "v6"},
      {"web1.EXAMPLE.org", 22, "web1"},
      {"db", 22, nullptr},
      {"", 22, nullptr},
      {"db1\n", 22, nullptr},
  };
  for (const auto& row : kRows) {
    const AccessTarget* target = access.target(row.host, row.port);
    EXPECT_EQ(target == nullptr ? "none" : target->name, row.found == nullptr ? "none" : row.found)
        << row.host << ":" << row.port;
  }
}

TEST(Access, what_no_role_allows_is_denied) {
  const Access access = parsed(good_text());
  const AccessUser& alice = *access.user("alice");
  const AccessUser& bob = *access.user("bob");
  const AccessTarget& web = *access.target("web1", 22);
  const AccessTarget& db = *access.target("db1", 22);
  const AccessTarget& v6 = *access.target("v6", 22);
  EXPECT_FALSE(access.decide(bob, web, "deploy").has_value());
  EXPECT_TRUE(access.decide(alice, web, "root:skey").has_value());
  EXPECT_FALSE(access.decide(bob, web, "deploy:root").has_value());
  EXPECT_FALSE(access.decide(alice, web, ":root").has_value());
  EXPECT_FALSE(access.decide(alice, v6, "root").has_value());
  EXPECT_FALSE(access.reaches(bob, web));
  EXPECT_FALSE(access.reaches(alice, v6));
  EXPECT_TRUE(access.reaches(alice, db));
  const auto root_on_web = access.decide(alice, web, "root");
  ASSERT_TRUE(root_on_web.has_value());
  EXPECT_EQ(root_on_web->rule, "dba");
  EXPECT_FALSE(root_on_web->shell);
  EXPECT_TRUE(root_on_web->sftp);
}

TEST(Access, a_grant_is_the_union_of_the_roles_that_match) {
  const Access access = parsed(good_text());
  const auto grant = access.decide(*access.user("alice"), *access.target("web1", 22), "app-1");
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->rule, "sre,dba");
  EXPECT_TRUE(grant->shell && grant->exec && grant->sftp);
}

TEST(Access, one_matching_role_is_enough_to_tell_of_the_record) {
  std::string text = good_text();
  const std::string dba = "name = \"dba\"\n";
  text.insert(text.find(dba) + dba.size(), "tell_recorded = true\n");
  const Access access = parsed(text);
  const AccessUser& alice = *access.user("alice");
  EXPECT_TRUE(access.decide(alice, *access.target("web1", 22), "app-1")->tell_recorded);
  EXPECT_TRUE(access.decide(alice, *access.target("db1", 2200), "root")->tell_recorded);
  EXPECT_FALSE(
      parsed(good_text()).decide(alice, *access.target("web1", 22), "app-1")->tell_recorded);
  text.replace(text.find("true"), 4, "1");
  EXPECT_THAT(std::string(Access::parse(text, "a.toml").status().message()),
              HasSubstr("must be true or false"));
}

TEST(Access, a_role_covers_what_its_pattern_says) {
  const struct {
    const char* pattern;
    const char* address;
    bool covered;
  } kRows[] = {
      {"db1", "10.2.2.7", true},
      {"db?", "10.2.2.7", true},
      {"*1", "10.2.2.7", true},
      {"d", "10.2.2.7", false},
      {"env=prod", "10.2.2.7", true},
      {"env=pr*", "10.2.2.7", true},
      {"env=test", "10.2.2.7", false},
      {"zone=prod", "10.2.2.7", false},
      {"10.2.2.7", "10.2.2.7", true},
      {"10.2.2.7", "10.2.2.7:2200", true},
      {"10.2.2.7:22", "10.2.2.7:2200", false},
      {"10.2.2.0/24:22", "10.2.2.7", true},
      {"10.2.2.0/24", "10.2.3.7", false},
      {"10.2.2.0/23", "10.2.3.7", true},
      {"0.0.0.0/0", "10.2.3.7", true},
      {"0.0.0.0/0", "fd00::1", false},
      {"0.0.0.0/0", "db1.example.org", false},
      {"fd00::/8", "[fd00::1]:2200", true},
      {"[fd00::/8]:22", "[fd00::1]:2200", false},
      {"[fd00::/8]:22", "fd00::1", true},
      {"fd00::1/128", "fd00::2", false},
      {"::/0", "fd00::2", true},
  };
  for (const auto& row : kRows) {
    const Access access = parsed(std::string(R"(
[[user]]
name = "a"
roles = ["r"]
[[target]]
name = "db1"
labels = { env = "prod" }
address = ")") + row.address + R"("
[[role]]
name = "r"
logins = ["root"]
allow = ["shell"]
targets = [")" + row.pattern + "\"]\n");
    ASSERT_EQ(access.targets().size(), 1u);
    EXPECT_EQ(access.decide(access.users()[0], access.targets()[0], "root").has_value(),
              row.covered)
        << row.pattern << " on " << row.address;
  }
}

TEST(Access, what_is_wrong_is_refused_with_its_line) {
  const std::string key = fresh_key();
  const std::string role =
      "[[role]]\nname = \"r\"\nlogins = [\"a\"]\nallow = [\"exec\"]\ntargets = [\"*\"]\n";
  const auto user = [](const std::string& name) { return "[[user]]\nname = \"" + name + "\"\n"; };
  const auto target = [](const std::string& address) {
    return "[[target]]\nname = \"t\"\naddress = \"" + address + "\"\n";
  };
  const auto with = [](const std::string& targets, const std::string& logins) {
    return "[[role]]\nname = \"r\"\nallow = [\"exec\"]\ntargets = [" + targets + "]\nlogins = [" +
           logins + "]\n";
  };
  const struct {
    const char* name;
    std::string text;
    const char* error;
  } kRows[] = {
      {"no TOML", "[[user]\n", "a.toml:1: "},
      {"unknown table", "[[group]]\nname = \"x\"", ":1: unknown key `group`"},
      {"unknown key", user("alice") + "key = \"x\"", ":3: unknown key `key`"},
      {"one table for a list", "[user]\nname = \"alice\"", "must be tables [[user]]"},
      {"no name", "[[user]]\nroles = []", ":1: a user needs a `name`"},
      {"capital name", user("Alice"), ":2: user name `Alice`"},
      {"name with a space", user("a b"), "a-z 0-9"},
      {"long name", user(std::string(65, 'a')), "1 to 64"},
      {"reserved name", user("jump"), "reserved"},
      {"double user", user("a") + user("a"), ":4: user `a` occurs twice"},
      {"double target", target("h") + target("g"), "target `t` occurs twice"},
      {"double role", role + role, "role `r` occurs twice"},
      {"unknown role", user("a") + "roles = [\"r\"]", ":3: user `a` has unknown role `r`"},
      {"bad key", user("a") + "keys = [\"ssh-ed25519 AAAA\"]", ":3: `ssh-ed25519 AAAA`"},
      {"one key for two",
       user("a") + "keys = [\"" + key + "\"]\n" + user("b") + "keys = [\"" + key + "\"]",
       ":6: key SHA256:"},
      {"no address", "[[target]]\nname = \"t\"", "needs an `address`"},
      {"bad port", target("h:70000"), ":3: target `t` needs an `address`"},
      {"port 0", target("h:0"), "needs an `address`"},
      {"bad host", target("h h"), "needs an `address`"},
      {"bad host key", target("h") + "host_keys = [\"x\"]", ":4: `x`"},
      {"label of a number", target("h") + "labels = { a = 1 }", "`labels` must hold only strings"},
      {"NUL behind an address", target("[::1\\u0000x]:22"), ":3: `address` must not hold a NUL"},
      {"NUL in a key file", target("h") + "key_file = \"a\\u0000b\"",
       ":4: `key_file` must not hold a NUL"},
      {"no targets", "[[role]]\nname = \"r\"\nlogins = [\"a\"]\nallow = [\"exec\"]",
       "needs `targets`"},
      {"no logins", "[[role]]\nname = \"r\"\ntargets = [\"a\"]\nallow = [\"exec\"]",
       "needs `logins`"},
      {"nothing allowed", "[[role]]\nname = \"r\"\ntargets = [\"a\"]\nlogins = [\"a\"]",
       "needs `allow`"},
      {"unknown in allow", "[[role]]\nname = \"r\"\nallow = [\"x11\"]",
       ":3: `x11` cannot be allowed"},
      {"bracket glob", with("\"db[12]\"", "\"a\""), "not a name glob"},
      {"glob of addresses", with("\"10.2.*\"", "\"a\""), "address or CIDR"},
      {"bits behind the prefix", with("\"10.2.2.7/24\"", "\"a\""), "bits behind its prefix"},
      {"prefix too long", with("\"10.2.2.0/33\"", "\"a\""), "address or CIDR"},
      {"port 0 in a pattern", with("\"10.2.2.0/24:0\"", "\"a\""), "address or CIDR"},
      {"NUL behind a pattern", with("\"10.2.2.7\\u0000x\"", "\"a\""), "must not hold a NUL"},
      {"label without a value", with("\"env=\"", "\"a\""), "not label=value"},
      {"empty pattern", with("\"\"", "\"a\""), "not a name glob"},
      {"login with a space", with("\"*\"", "\"a b\""), "not a login glob"},
      {"login of brackets", with("\"*\"", "\"[ab]\""), "not a login glob"},
  };
  for (const auto& row : kRows) {
    const auto access = Access::parse(row.text, "a.toml");
    EXPECT_EQ(access.status().code(), absl::StatusCode::kInvalidArgument) << row.name;
    EXPECT_THAT(std::string(access.status().message()), HasSubstr(row.error)) << row.name;
  }
}

TEST(Access, an_empty_file_allows_nothing_and_is_no_error) {
  const Access access = parsed("");
  EXPECT_TRUE(access.users().empty());
  EXPECT_EQ(access.target("db1", 22), nullptr);
}

TEST(Access, the_hash_is_of_the_file) {
  EXPECT_EQ(parsed("").sha256(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_NE(parsed("# a\n").sha256(), parsed("# b\n").sha256());
}

}  // namespace
}  // namespace gatetape
