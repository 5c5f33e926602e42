// SshAlgorithms: the algorithms that the gateway offers to clients, in the order of preference. The
// lists of `[gateway] kex, ciphers, macs` replace the defaults. Targets get fixed lists of their
// own, because appliances need more. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace gatetape {

struct SshAlgorithms {
  std::vector<std::string> kex = {"curve25519-sha256", "curve25519-sha256@libssh.org"};
  std::vector<std::string> ciphers = {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
                                      "chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"};
  // Clients that are built on libssh2 before 1.11, such as curl of Debian 12, know only the last
  // two MACs.
  std::vector<std::string> macs = {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
                                   "hmac-sha2-256", "hmac-sha2-512"};
};

// allowed_algorithms returns every algorithm that a configuration may name: what the SSH library
// implements, without what is weak, and without the Diffie-Hellman groups, which cost a stranger
// nothing and the gateway up to 240 ms per connection.
const SshAlgorithms& allowed_algorithms();
// check_algorithms checks one list, which `key` names in messages. It fails with INVALID_ARGUMENT
// when the list is empty, names an algorithm twice, or names one that is not in `allowed`; the
// message then holds the allowed names.
absl::Status check_algorithms(std::string_view key, const std::vector<std::string>& names,
                              const std::vector<std::string>& allowed);
// lists_without_libssh2 returns the keys of the lists that share no algorithm with libssh2 1.10,
// so that curl of Debian 12 cannot connect. Each allowed key exchange is known to libssh2 1.10.
std::vector<std::string> lists_without_libssh2(const SshAlgorithms& offered);

}  // namespace gatetape
