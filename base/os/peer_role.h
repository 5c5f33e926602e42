// PeerRole is what a process of gatetape is to its peers. Between machines the certificate of a
// process carries the role as a SAN URI (`gatetape:gateway`); on one machine the account that the
// process runs as carries it (`gatetape-gateway`). Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gatetape {

enum class PeerRole { kGateway, kRecorder, kAuditd, kKeeper, kPortal, kWitness };

// role_name returns the role as a word: "gateway".
std::string_view role_name(PeerRole role);
// role_uri returns the SAN URI of a certificate with this role: "gatetape:gateway".
std::string role_uri(PeerRole role);
// role_account returns the account of a daemon with this role: "gatetape-gateway".
std::string role_account(PeerRole role);

// role_of_uris returns the role that the SAN URIs of a certificate name. It fails with
// PERMISSION_DENIED when no URI begins with `gatetape:`, when several do, and when the word after
// it is no role. URIs of other schemes are ignored.
absl::StatusOr<PeerRole> role_of_uris(const std::vector<std::string>& uris);
// role_of_account returns the role of an account, and fails with NOT_FOUND for the name of any
// other account.
absl::StatusOr<PeerRole> role_of_account(std::string_view account);

}  // namespace gatetape
