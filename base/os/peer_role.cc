#include "base/os/peer_role.h"

#include "base/bytes.h"

namespace gatetape {
namespace {

constexpr std::string_view kUriScheme = "gatetape:";
constexpr std::string_view kAccountPrefix = "gatetape-";
constexpr PeerRole kRoles[] = {PeerRole::kGateway, PeerRole::kRecorder, PeerRole::kAuditd,
                               PeerRole::kKeeper,  PeerRole::kPortal,   PeerRole::kWitness};

absl::StatusOr<PeerRole> role_of_name(std::string_view name) {
  for (const PeerRole role : kRoles)
    if (role_name(role) == name) return role;
  return absl::NotFoundError("`" + printable(name) + "` is not a role of gatetape");
}

}  // namespace

std::string_view role_name(PeerRole role) {
  switch (role) {
    case PeerRole::kGateway:
      return "gateway";
    case PeerRole::kRecorder:
      return "recorder";
    case PeerRole::kAuditd:
      return "auditd";
    case PeerRole::kKeeper:
      return "keeper";
    case PeerRole::kPortal:
      return "portal";
    case PeerRole::kWitness:
      return "witness";
  }
  return "";
}

std::string role_uri(PeerRole role) {
  return std::string(kUriScheme) + std::string(role_name(role));
}

std::string role_account(PeerRole role) {
  return std::string(kAccountPrefix) + std::string(role_name(role));
}

absl::StatusOr<PeerRole> role_of_uris(const std::vector<std::string>& uris) {
  const std::string* found = nullptr;
  for (const std::string& uri : uris) {
    if (!uri.starts_with(kUriScheme)) continue;
    if (found != nullptr)
      return absl::PermissionDeniedError("the certificate names several roles of gatetape");
    found = &uri;
  }
  if (found == nullptr)
    return absl::PermissionDeniedError(
        "the certificate names no role of gatetape in a SAN URI; make a new one with `gatetape "
        "certs`");
  const absl::StatusOr<PeerRole> role =
      role_of_name(std::string_view(*found).substr(kUriScheme.size()));
  if (role.ok()) return role;
  return absl::PermissionDeniedError("the certificate names an unknown role: " +
                                     std::string(role.status().message()));
}

absl::StatusOr<PeerRole> role_of_account(std::string_view account) {
  if (!account.starts_with(kAccountPrefix))
    return absl::NotFoundError("`" + printable(account) + "` is not an account of a daemon");
  return role_of_name(account.substr(kAccountPrefix.size()));
}

}  // namespace gatetape
