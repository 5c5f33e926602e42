// Fuzz target of access.toml. The input is the text of the file. What is accepted must keep every
// rule of access.toml(5) and deny by default.

#include <algorithm>
#include <set>

#include "base/endpoint.h"
#include "formats/openssh_key.h"
#include "policy/access.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

void check_name(const std::string& name) {
  CHECK(!name.empty() && name.size() <= 64, name);
  CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos,
        name);
  CHECK(name[0] != '-' && name[0] != '.', name);
}

template <typename Thing>
void check_names(const std::vector<Thing>& things) {
  std::set<std::string> seen;
  for (const Thing& thing : things) {
    check_name(thing.name);
    CHECK(seen.insert(thing.name).second, thing.name);
  }
}

void check_users(const Access& access) {
  std::set<std::string> roles;
  for (const AccessRole& role : access.roles()) roles.insert(role.name);
  for (const AccessUser& user : access.users()) {
    CHECK(access.user(user.name) == &user, user.name);
    CHECK(user.keys.size() == user.key_blobs.size(), user.name);
    for (const std::string& blob : user.key_blobs)
      CHECK(access.user_of_key(blob) == &user, user.name);
    for (const std::string& role : user.roles) CHECK(roles.contains(role), role);
  }
  CHECK(access.user_of_key("") == nullptr);
}

void check_targets(const Access& access) {
  for (const AccessTarget& target : access.targets()) {
    CHECK(target.port > 0);
    const auto host = parse_host_port(format_host_port({target.host, target.port}));
    CHECK(host.ok() && host->host == target.host && host->port == target.port, target.host);
    CHECK(access.target(target.name, target.port) != nullptr, target.name);
    CHECK(target.host_keys.size() == target.host_key_blobs.size());
    CHECK(target.key_file.empty() || target.key_file[0] == '/', target.key_file);
    CHECK(target.key_file.find('\0') == std::string::npos, target.key_file);
  }
}

// sum_of returns what the roles that a grant names allow together.
Grant sum_of(const Access& access, const AccessUser& user, const std::string& rule) {
  Grant sum;
  for (const AccessRole& role : access.roles()) {
    if (("," + rule + ",").find("," + role.name + ",") == std::string::npos) continue;
    CHECK(std::find(user.roles.begin(), user.roles.end(), role.name) != user.roles.end());
    sum.shell = sum.shell || role.shell;
    sum.exec = sum.exec || role.exec;
    sum.sftp = sum.sftp || role.sftp;
  }
  return sum;
}

void check_decisions(const Access& access) {
  std::set<std::string> logins = {"", "root", "Alice@corp", "\xff"};
  for (const AccessRole& role : access.roles())
    logins.insert(role.logins.begin(), role.logins.end());
  for (const AccessUser& user : access.users()) {
    for (const AccessTarget& target : access.targets()) {
      for (const std::string& login : logins) {
        const auto grant = access.decide(user, target, login);
        if (!grant) continue;
        CHECK(access.reaches(user, target));
        CHECK(!grant->rule.empty() && (grant->shell || grant->exec || grant->sftp));
        const Grant sum = sum_of(access, user, grant->rule);
        CHECK(sum.shell == grant->shell && sum.exec == grant->exec && sum.sftp == grant->sftp);
      }
    }
  }
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const auto access = Access::parse(fuzz::input(data, size), "access.toml");
  if (!access.ok()) {
    const std::string message(access.status().message());
    CHECK(message.starts_with("access.toml:"), message);
    fuzz::check_shown(message);
    return 0;
  }
  fuzz::check_names(access->users());
  fuzz::check_names(access->targets());
  fuzz::check_names(access->roles());
  fuzz::check_users(*access);
  fuzz::check_targets(*access);
  fuzz::check_decisions(*access);
  CHECK(access->user("jump") == nullptr);
  CHECK(access->sha256().size() == 64);
  return 0;
}
