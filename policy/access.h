// Access: access.toml, who may reach what as whom. Deny by default. Immutable once loaded; any
// thread.
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
  std::vector<std::string> keys;       // as written: "ssh-ed25519 AAAA... comment"
  std::vector<std::string> key_blobs;  // the decoded public key blobs, same order
  std::vector<std::string> roles;
};

struct AccessTarget {
  std::string name;
  std::string host;  // of address, without the port
  uint16_t port = 22;
  std::map<std::string, std::string> labels;
  std::vector<std::string> host_keys;       // as written
  std::vector<std::string> host_key_blobs;  // decoded
  std::string key_file;  // private key to log in with; empty = a certificate of the user CA
  std::string key;       // its text, once read_keys read it
};

struct AccessRole {
  std::string name;
  std::vector<std::string> targets;  // name globs, label=value, address or CIDR with optional :port
  std::vector<std::string> logins;   // globs
  bool shell = false;
  bool exec = false;
  bool sftp = false;
  int line = 0;  // in the file, for the rule's name
};

// Grant is what one decision allowed: the union of what all matching roles allow.
struct Grant {
  std::string rule;  // names of the roles that allowed it: "sre" or "sre,dba"
  bool shell = false;
  bool exec = false;
  bool sftp = false;
};

class Access {
 public:
  // parse reads the text of an access file; INVALID_ARGUMENT "path:line: what" for anything
  // unknown, doubled, or of the wrong form. Relative key_file paths are relative to the folder of
  // `path`.
  static absl::StatusOr<Access> parse(std::string_view text, const std::string& path);
  // load reads the file, then parses it.
  static absl::StatusOr<Access> load(const std::string& path);
  // read_keys reads the key files of all targets; an error names one that is not there, or that
  // others may read.
  absl::Status read_keys();

  // user_of_key gives the user whose key it is, nullptr when nobody's. `blob` is the RFC 4253 key
  // blob.
  const AccessUser* user_of_key(std::string_view blob) const;
  const AccessUser* user(std::string_view name) const;
  // target finds by name, else by address ("10.2.2.7"); `port` is the one asked for: 22, or the
  // target's own. nullptr when there is none.
  const AccessTarget* target(std::string_view host, uint16_t port) const;
  // decide gives the grant, or nothing: deny.
  std::optional<Grant> decide(const AccessUser& user, const AccessTarget& target,
                              std::string_view login) const;
  // reaches tells whether any login on the target could be granted to the user.
  bool reaches(const AccessUser& user, const AccessTarget& target) const;

  const std::vector<AccessUser>& users() const { return users_; }
  const std::vector<AccessTarget>& targets() const { return targets_; }
  const std::vector<AccessRole>& roles() const { return roles_; }
  // sha256 is of the file's bytes, hexadecimal.
  const std::string& sha256() const { return sha256_; }

 private:
  std::vector<AccessUser> users_;
  std::vector<AccessTarget> targets_;
  std::vector<AccessRole> roles_;
  std::string sha256_;
};

}  // namespace gatetape
