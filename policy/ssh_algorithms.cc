#include "policy/ssh_algorithms.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"

namespace gatetape {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool share_a_name(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::any_of(some.begin(), some.end(),
                     [&](const std::string& name) { return contains(others, name); });
}

}  // namespace

const SshAlgorithms& allowed_algorithms() {
  static const SshAlgorithms kAllowed{
      .kex = {"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
              "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"},
      .ciphers = {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
                  "chacha20-poly1305@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr"},
      .macs = {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256",
               "hmac-sha2-512"}};
  return kAllowed;
}

absl::Status check_algorithms(std::string_view key, const std::vector<std::string>& names,
                              const std::vector<std::string>& allowed) {
  const std::string list = absl::StrCat("`", std::string(key), "`");
  const std::string advice = "; allowed are " + absl::StrJoin(allowed, ", ");
  if (names.empty()) return absl::InvalidArgumentError(list + " is empty" + advice);
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!contains(allowed, name))
      return absl::InvalidArgumentError(
          absl::StrCat(list, " names `", printable(name), "`, which is not allowed", advice));
    if (!seen.insert(name).second)
      return absl::InvalidArgumentError(absl::StrCat(list, " names `", name, "` twice"));
  }
  return absl::OkStatus();
}

std::vector<std::string> lists_without_libssh2(const SshAlgorithms& offered) {
  std::vector<std::string> lists;
  if (!share_a_name(offered.ciphers, {"aes256-ctr", "aes192-ctr", "aes128-ctr"}))
    lists.emplace_back("ciphers");
  if (!share_a_name(offered.macs, {"hmac-sha2-256", "hmac-sha2-512"})) lists.emplace_back("macs");
  return lists;
}

}  // namespace gatetape
