#include "policy/access.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/endpoint.h"
#include "base/toml.h"
#include "formats/openssh_key.h"

namespace gatetape {
namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789._-";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool consists_of(std::string_view text, std::string_view allowed, std::string_view more = {}) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return allowed.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

std::string in_quotes(std::string_view text) { return "`" + printable(text) + "`"; }

// check_name checks the name of a user, target or role. Logins, log lines and shells accept these
// characters without quotes.
absl::Status check_name(const TomlTable& table, const std::string& name, std::string_view what) {
  const int line = table.line("name");
  if (name.empty())
    return table.error(line, absl::StrCat("a ", std::string(what), " needs a `name`"));
  if (name.size() > 64 || !consists_of(name, kLower) || name.front() == '-' || name.front() == '.')
    return table.error(line, absl::StrCat(std::string(what), " name ", in_quotes(name),
                                          " must be 1 to 64 of a-z 0-9 . _ -"));
  return absl::OkStatus();
}

// read_keys parses the key lines that stand under a key of the table.
absl::Status read_keys(const TomlTable& table, std::string_view key,
                       const std::vector<std::string>& lines, std::vector<std::string>* blobs) {
  for (const std::string& text : lines) {
    absl::StatusOr<OpensshPublicKey> parsed = OpensshPublicKey::parse(text);
    if (!parsed.ok()) {
      return table.error(table.line(key), absl::StrCat(in_quotes(text.substr(0, 60)), ": ",
                                                       parsed.status().message()));
    }
    blobs->push_back(std::move(parsed->blob));
  }
  return absl::OkStatus();
}

// TargetPattern is one parsed entry of `targets` of a role.
struct TargetPattern {
  enum class Kind { kName, kLabel, kAddress } kind = Kind::kName;
  std::string glob;    // matches the name, or the value of the label
  std::string label;   // kLabel
  AddressRange range;  // kAddress

  bool matches(const AccessTarget& target) const {
    if (kind == Kind::kAddress) return range.contains(target.host, target.port);
    if (kind == Kind::kName) return glob_matches(glob, target.name);
    const auto found = target.labels.find(label);
    return found != target.labels.end() && glob_matches(glob, found->second);
  }
};

absl::StatusOr<TargetPattern> parse_pattern(std::string_view text) {
  TargetPattern pattern;
  const size_t equals = text.find('=');
  if (equals != std::string_view::npos) {
    pattern.kind = TargetPattern::Kind::kLabel;
    pattern.label = text.substr(0, equals);
    pattern.glob = text.substr(equals + 1);
    if (pattern.label.empty() || pattern.glob.empty() || !is_utf8(text))
      return absl::InvalidArgumentError(in_quotes(text) + " is not label=value");
    return pattern;
  }
  // A text of digits, dots and wildcards could be a name glob, but its author means addresses. It
  // is parsed as an address, so that wildcards fail with a message.
  const bool numeric =
      text.find('.') != std::string_view::npos && consists_of(text, "0123456789.*?");
  if (numeric || text.find_first_of(":/") != std::string_view::npos) {
    absl::StatusOr<AddressRange> range = AddressRange::parse(text);
    if (!range.ok()) return range.status();
    pattern.kind = TargetPattern::Kind::kAddress;
    pattern.range = *std::move(range);
    return pattern;
  }
  if (text.empty() || !consists_of(text, kLower, "*?"))
    return absl::InvalidArgumentError(
        in_quotes(text) + " is not a name glob of a-z 0-9 . _ - * ?, label=value or address");
  pattern.glob = text;
  return pattern;
}

bool reaches_target(const AccessRole& role, const AccessTarget& target) {
  return std::any_of(role.targets.begin(), role.targets.end(), [&](const std::string& text) {
    const absl::StatusOr<TargetPattern> pattern = parse_pattern(text);
    CHECK(pattern.ok(), text);  // Access::parse refused every other text
    return pattern->matches(target);
  });
}

absl::StatusOr<AccessUser> read_user(TomlTable table) {
  AccessUser user;
  table.get("name", &user.name);
  table.get("keys", &user.keys);
  table.get("roles", &user.roles);
  table.get("actor", &user.actor);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (absl::Status status = check_name(table, user.name, "user"); !status.ok()) return status;
  if (user.actor != "person" && user.actor != "agent" && user.actor != "service")
    return table.error(table.line("actor"),
                       in_quotes(user.actor) + " is not an actor: write person, agent or service");
  if (user.name == "jump")
    return table.error(table.line("name"), "user name `jump` is reserved; choose another");
  if (absl::Status status = read_keys(table, "keys", user.keys, &user.key_blobs); !status.ok())
    return status;
  return user;
}

absl::StatusOr<AccessTarget> read_target(TomlTable table, const std::string& dir) {
  AccessTarget target;
  std::string address;
  table.get("name", &target.name);
  table.get("address", &address);
  table.get("labels", &target.labels);
  table.get("host_keys", &target.host_keys);
  table.get("key_file", &target.key_file);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (absl::Status status = check_name(table, target.name, "target"); !status.ok()) return status;
  const absl::StatusOr<HostPort> endpoint = parse_host_port(address, uint16_t{22});
  if (!endpoint.ok() || endpoint->port == 0)
    return table.error(table.line("address"), absl::StrCat("target ", in_quotes(target.name),
                                                           " needs an `address` host, host:port or "
                                                           "[v6]:port, not ",
                                                           in_quotes(address)));
  target.host = endpoint->host;
  target.port = endpoint->port;
  if (!target.key_file.empty())
    target.key_file = (std::filesystem::path(dir) / target.key_file).lexically_normal().string();
  if (absl::Status status = read_keys(table, "host_keys", target.host_keys, &target.host_key_blobs);
      !status.ok())
    return status;
  return target;
}

absl::Status check_patterns(const TomlTable& table, const AccessRole& role) {
  const auto needs = [&](std::string_view key) {
    return table.error(table.line(key), absl::StrCat("role ", in_quotes(role.name), " needs `",
                                                     std::string(key), "`, or it allows nothing"));
  };
  if (role.targets.empty()) return needs("targets");
  if (role.logins.empty()) return needs("logins");
  if (!role.shell && !role.exec && !role.sftp) return needs("allow");
  for (const std::string& text : role.targets)
    if (absl::Status status = parse_pattern(text).status(); !status.ok())
      return table.error(table.line("targets"), std::string(status.message()));
  for (const std::string& login : role.logins)
    if (login.empty() || !consists_of(login, kLower, std::string(kUpper) + "*?@+$\\"))
      return table.error(table.line("logins"),
                         in_quotes(login) + " is not a login glob; only * and ? are special");
  return absl::OkStatus();
}

absl::StatusOr<AccessRole> read_role(TomlTable table) {
  AccessRole role;
  std::vector<std::string> allow;
  role.line = table.line();
  table.get("name", &role.name);
  table.get("targets", &role.targets);
  table.get("logins", &role.logins);
  table.get("allow", &allow);
  table.get("tell_recorded", &role.tell_recorded);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (absl::Status status = check_name(table, role.name, "role"); !status.ok()) return status;
  for (const std::string& what : allow) {
    if (what == "shell") role.shell = true;
    if (what == "exec") role.exec = true;
    if (what == "sftp") role.sftp = true;
    if (what != "shell" && what != "exec" && what != "sftp")
      return table.error(table.line("allow"),
                         in_quotes(what) + " cannot be allowed; shell, exec and sftp can");
  }
  if (absl::Status status = check_patterns(table, role); !status.ok()) return status;
  return role;
}

// add_named appends a user, target or role, and fails when its name is already in use.
template <typename Thing>
absl::Status add_named(const TomlTable& table, std::string_view what, Thing thing,
                       std::vector<Thing>* all) {
  for (const Thing& other : *all) {
    if (other.name == thing.name)
      return table.error(table.line("name"),
                         absl::StrCat(std::string(what), " ", in_quotes(thing.name),
                                      " occurs twice; rename or remove one"));
  }
  all->push_back(std::move(thing));
  return absl::OkStatus();
}

// check_users checks what concerns several tables: every role of a user exists, and no key belongs
// to two users.
absl::Status check_users(const std::vector<TomlTable>& tables, const std::vector<AccessUser>& users,
                         const std::vector<AccessRole>& roles) {
  std::map<std::string_view, const AccessUser*> owners;
  for (size_t i = 0; i < users.size(); i++) {
    const AccessUser& user = users[i];
    for (const std::string& wanted : user.roles) {
      const bool known = std::any_of(roles.begin(), roles.end(),
                                     [&](const AccessRole& role) { return role.name == wanted; });
      if (!known)
        return tables[i].error(
            tables[i].line("roles"),
            absl::StrCat("user ", in_quotes(user.name), " has unknown role ", in_quotes(wanted)));
    }
    for (const std::string& blob : user.key_blobs) {
      const auto placed = owners.emplace(blob, &user);
      if (placed.second) continue;
      return tables[i].error(
          tables[i].line("keys"),
          absl::StrCat("key ", openssh_fingerprint(blob), " is already the key of user ",
                       in_quotes(placed.first->second->name),
                       "; a key can belong to one user only"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Access> Access::parse(std::string_view text, const std::string& path) {
  absl::StatusOr<TomlTable> root = TomlTable::parse(text, path);
  if (!root.ok()) return root.status();
  const std::string dir = std::filesystem::absolute(path).parent_path().string();
  Access access;
  const std::vector<TomlTable> user_tables = root->tables("user");
  const std::vector<TomlTable> target_tables = root->tables("target");
  const std::vector<TomlTable> role_tables = root->tables("role");
  if (absl::Status status = root->finish(); !status.ok()) return status;
  for (const TomlTable& table : role_tables) {
    absl::StatusOr<AccessRole> role = read_role(table);
    if (!role.ok()) return role.status();
    if (absl::Status status = add_named(table, "role", *std::move(role), &access.roles_);
        !status.ok())
      return status;
  }
  for (const TomlTable& table : target_tables) {
    absl::StatusOr<AccessTarget> target = read_target(table, dir);
    if (!target.ok()) return target.status();
    if (absl::Status status = add_named(table, "target", *std::move(target), &access.targets_);
        !status.ok())
      return status;
  }
  for (const TomlTable& table : user_tables) {
    absl::StatusOr<AccessUser> user = read_user(table);
    if (!user.ok()) return user.status();
    if (absl::Status status = add_named(table, "user", *std::move(user), &access.users_);
        !status.ok())
      return status;
  }
  if (absl::Status status = check_users(user_tables, access.users_, access.roles_); !status.ok())
    return status;
  access.sha256_ = to_hex(view(gatetape::sha256(text)));
  return access;
}

absl::StatusOr<Access> Access::load(const std::string& path) {
  absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok()) return text.status();
  return parse(*text, path);
}

absl::Status Access::read_keys() {
  for (AccessTarget& target : targets_) {
    if (target.key_file.empty()) continue;
    const std::string name = absl::StrCat("key_file of ", target.name, ": ");
    struct stat info {};
    if (stat(target.key_file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
      return absl::PermissionDeniedError(absl::StrCat(
          name, target.key_file, ": the group or others can access this key; run chmod 600 on it"));
    absl::StatusOr<std::string> key = read_whole_file(target.key_file);
    if (!key.ok()) return absl::NotFoundError(absl::StrCat(name, key.status().message()));
    target.key = *std::move(key);
  }
  return absl::OkStatus();
}

const AccessUser* Access::user_of_key(std::string_view blob) const {
  for (const AccessUser& user : users_)
    for (const std::string& key : user.key_blobs)
      if (key == blob) return &user;
  return nullptr;
}

const AccessUser* Access::user(std::string_view name) const {
  for (const AccessUser& user : users_)
    if (user.name == name) return &user;
  return nullptr;
}

const AccessTarget* Access::target(std::string_view host, uint16_t port) const {
  const absl::StatusOr<HostPort> asked = parse_host_port(host, uint16_t{22});
  if (!asked.ok()) return nullptr;
  const auto port_fits = [&](const AccessTarget& target) {
    return port == 22 || port == target.port;
  };
  for (const AccessTarget& target : targets_)
    if (target.name == asked->host && port_fits(target)) return &target;
  for (const AccessTarget& target : targets_)
    if (target.host == asked->host && target.port == port) return &target;
  for (const AccessTarget& target : targets_)
    if (target.host == asked->host && port_fits(target)) return &target;
  return nullptr;
}

const AccessTarget* Access::target(std::string_view name) const {
  for (const AccessTarget& target : targets_)
    if (target.name == name) return &target;
  return nullptr;
}

std::string_view account_of(std::string_view login) { return login.substr(0, login.find(':')); }

std::optional<Grant> Access::decide(const AccessUser& user, const AccessTarget& target,
                                    std::string_view login) const {
  const std::string_view account = account_of(login);
  if (account.empty()) return std::nullopt;
  Grant grant;
  std::vector<std::string> names;
  for (const AccessRole& role : roles_) {
    if (std::find(user.roles.begin(), user.roles.end(), role.name) == user.roles.end()) continue;
    const bool may_login =
        std::any_of(role.logins.begin(), role.logins.end(),
                    [&](const std::string& glob) { return glob_matches(glob, account); });
    if (!may_login || !reaches_target(role, target)) continue;
    names.push_back(role.name);
    grant.shell = grant.shell || role.shell;
    grant.exec = grant.exec || role.exec;
    grant.sftp = grant.sftp || role.sftp;
    grant.tell_recorded = grant.tell_recorded || role.tell_recorded;
  }
  if (names.empty()) return std::nullopt;
  grant.rule = absl::StrJoin(names, ",");
  return grant;
}

bool Access::reaches(const AccessUser& user, const AccessTarget& target) const {
  return std::any_of(roles_.begin(), roles_.end(), [&](const AccessRole& role) {
    return std::find(user.roles.begin(), user.roles.end(), role.name) != user.roles.end() &&
           reaches_target(role, target);
  });
}

}  // namespace gatetape
