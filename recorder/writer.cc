#include "recorder/writer.h"

namespace gatetape::recorder {

absl::StatusOr<Writer> writer_of_role(PeerRole role) {
  switch (role) {
    case PeerRole::kGateway:
      return Writer::kAnySession;
    case PeerRole::kAuditd:
      return Writer::kSystemAlone;
    case PeerRole::kRecorder:
    case PeerRole::kKeeper:
    case PeerRole::kPortal:
    case PeerRole::kWitness:
      break;
  }
  return absl::PermissionDeniedError(
      "the recorder accepts frames of gateways and auditd only, and the peer has the role " +
      role_uri(role));
}

}  // namespace gatetape::recorder
