// Access: the rules of access.toml: which user reaches which target as which login. What no rule
// allows is denied. Immutable once loaded; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gatetape {

struct AccessUser {
  std::string name;
  std::vector<std::string> keys;       // as in the file: "ssh-ed25519 AAAA... comment"
  std::vector<std::string> key_blobs;  // the decoded public key blobs, in the same order
  std::vector<std::string> roles;
  std::string actor = "person";  // or agent, service: what logs in as this user
};

struct AccessTarget {
  std::string name;
  std::string host;  // the host of `address`, without the port
  uint16_t port = 22;
  std::map<std::string, std::string> labels;
  std::vector<std::string> host_keys;       // as in the file
  std::vector<std::string> host_key_blobs;  // decoded
  std::string key_file;  // private key for the login; empty = a certificate of the user CA
  std::string key;       // the text of key_file, after read_keys()
};

struct AccessRole {
  std::string name;
  std::vector<std::string> targets;  // name globs, label=value, address or CIDR with optional :port
  std::vector<std::string> logins;   // globs
  bool shell = false;
  bool exec = false;
  bool sftp = false;
  bool tell_recorded = false;  // tell the user at the start that the session is recorded
  int line = 0;                // where the role stands in the file
};

// Grant is the result of one decision: the union of what all matching roles allow.
struct Grant {
  std::string rule;  // the names of the matching roles: "sre" or "sre,dba"
  bool shell = false;
  bool exec = false;
  bool sftp = false;
  bool tell_recorded = false;
};

// account_of returns the account of a login: the part before a colon. Behind it sshd takes the name
// of an authentication style (sshd(8)).
std::string_view account_of(std::string_view login);

class Access {
 public:
  // parse reads the text of an access file. It fails with INVALID_ARGUMENT "path:line: what" for an
  // unknown key, a name that occurs twice, or a value of the wrong form. A relative key_file is
  // relative to the folder of `path`.
  static absl::StatusOr<Access> parse(std::string_view text, const std::string& path);
  // load reads the file and parses it.
  static absl::StatusOr<Access> load(const std::string& path);
  // read_keys reads the key files of all targets. It fails when a file is missing or when the group
  // or others can read it; the message names the file.
  absl::Status read_keys();

  // user_of_key returns the user whose public key blob (RFC 4253) this is, or nullptr when it
  // belongs to no user.
  const AccessUser* user_of_key(std::string_view blob) const;
  // user returns the user of this name, or nullptr.
  const AccessUser* user(std::string_view name) const;
  // target returns the target of this name or, when there is none, of this address ("10.2.2.7").
  // `port` is the port that the client asked for: 22, or the port of the target. target returns
  // nullptr when no target fits.
  const AccessTarget* target(std::string_view host, uint16_t port) const;
  // target returns the target of exactly this name, or nullptr.
  const AccessTarget* target(std::string_view name) const;
  // decide returns the grant, or nothing when the login is denied. The rules compare its account.
  std::optional<Grant> decide(const AccessUser& user, const AccessTarget& target,
                              std::string_view login) const;
  // reaches returns true when decide would grant the user at least one login on the target.
  bool reaches(const AccessUser& user, const AccessTarget& target) const;

  const std::vector<AccessUser>& users() const { return users_; }
  const std::vector<AccessTarget>& targets() const { return targets_; }
  const std::vector<AccessRole>& roles() const { return roles_; }
  // sha256 returns the hash of the bytes of the file, in hexadecimal.
  const std::string& sha256() const { return sha256_; }

 private:
  std::vector<AccessUser> users_;
  std::vector<AccessTarget> targets_;
  std::vector<AccessRole> roles_;
  std::string sha256_;
};

}  // namespace gatetape
