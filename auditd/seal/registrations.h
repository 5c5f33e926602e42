// Registrations: the `key` entries that the log key signs, so that a stranger who holds the log key
// trusts the keys of gateways, recorders and auditd (docs/FORMAT.md section 9.1). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/crypto.h"
#include "log/entry.h"

namespace gatetape::auditd {

// WantedKey is a key that the operator lists, with its role in the log.
struct WantedKey {
  std::string role;
  PublicKey key;
};

// wanted_keys returns the keys of gateways, recorders and auditd, each once. auditd's own key is
// among the writers, or is added.
std::vector<WantedKey> wanted_keys(const std::vector<PublicKey>& writers,
                                   const std::vector<PublicKey>& recorders, const PublicKey& own);

// missing_registrations returns those of the wanted keys that the log does not hold as registered.
// `entries` are its `key` entries, in order; what `log_key` did not sign does not count.
std::vector<WantedKey> missing_registrations(absl::Span<const std::string> entries,
                                             const std::vector<WantedKey>& wanted,
                                             const PublicKey& log_key);

}  // namespace gatetape::auditd
