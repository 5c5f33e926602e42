#include "record/frame_kinds.h"

namespace gatetape {
namespace {

// Facts is what every kind has; the name is empty for a number that is no kind.
struct Facts {
  std::string_view name;
  FrameClass frame_class = FrameClass::kSystem;
  Route route = Route::kNobody;
  std::string_view searched = {};
  bool reserved = false;
};

constexpr Facts reserved(Facts facts) {
  facts.reserved = true;
  return facts;
}

// clang-format off
constexpr Facts facts_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::kIn: return {"in", FrameClass::kBytes, Route::kToTarget};
    case FrameKind::kOut: return {"out", FrameClass::kBytes, Route::kToUser};
    case FrameKind::kErr: return {"err", FrameClass::kBytes, Route::kToUser};
    case FrameKind::kSecretIn: return reserved({"secret_in", FrameClass::kBytes, Route::kToTarget});
    case FrameKind::kSecretOut: return reserved({"secret_out", FrameClass::kBytes, Route::kToUser});
    case FrameKind::kSessionOpen: return {"session_open", FrameClass::kSession};
    case FrameKind::kSessionEnd:
      return {"session_end", FrameClass::kSession, Route::kNobody, "reason detail"};
    case FrameKind::kTargetConnect: return {"target_connect", FrameClass::kSession};
    case FrameKind::kTargetFail:
      return {"target_fail", FrameClass::kSession, Route::kNobody, "reason detail"};
    case FrameKind::kBanner:
      return reserved({"banner", FrameClass::kSession, Route::kNobody, "text"});
    case FrameKind::kViewer: return reserved({"viewer", FrameClass::kSession});
    case FrameKind::kChannelOpen: return {"channel_open", FrameClass::kOpen, Route::kToTarget};
    case FrameKind::kChannelOpenReply:
      return {"channel_open_reply", FrameClass::kOpenReply, Route::kToUser};
    case FrameKind::kRequestIn: return {"request_in", FrameClass::kRequest, Route::kToTarget};
    case FrameKind::kRequestOut: return {"request_out", FrameClass::kRequest, Route::kToUser};
    case FrameKind::kReplyOut: return {"reply_out", FrameClass::kReply, Route::kToUser};
    case FrameKind::kEofIn: return {"eof_in", FrameClass::kEof, Route::kToTarget};
    case FrameKind::kEofOut: return {"eof_out", FrameClass::kEof, Route::kToUser};
    case FrameKind::kCloseIn: return {"close_in", FrameClass::kClose, Route::kToTarget};
    case FrameKind::kCloseOut: return {"close_out", FrameClass::kClose, Route::kToUser};
    // A denial travels behind what was passed to the target, so that answers keep their order.
    case FrameKind::kDenied:
      return {"denied", FrameClass::kDenial, Route::kToTarget, "what name reason"};
    case FrameKind::kNotice: return {"notice", FrameClass::kNotice, Route::kToUser, "text"};
    case FrameKind::kReplyIn: return reserved({"reply_in", FrameClass::kReply, Route::kToTarget});
    case FrameKind::kGlobalIn: return reserved({"global_in", FrameClass::kSession});
    case FrameKind::kGlobalOut: return reserved({"global_out", FrameClass::kSession});
    case FrameKind::kGlobalReplyOut: return reserved({"global_reply_out", FrameClass::kSession});
    case FrameKind::kGlobalReplyIn: return reserved({"global_reply_in", FrameClass::kSession});
    case FrameKind::kAuthAttempt:
      return {"auth_attempt", FrameClass::kSystem, Route::kNobody, "user source method result reason key_fingerprint known_as"};
    case FrameKind::kAccessLoad:
      return {"access_load", FrameClass::kSystem, Route::kNobody, "path result error"};
    case FrameKind::kStart: return {"start"};
    case FrameKind::kStop: return {"stop", FrameClass::kSystem, Route::kNobody, "reason"};
    case FrameKind::kAccessDenied:
      return {"access_denied", FrameClass::kSystem, Route::kNobody, "user login target source reason"};
    case FrameKind::kClockJump: return {"clock_jump"};
    case FrameKind::kHeartbeat: return {"heartbeat"};
    case FrameKind::kSessionOpened: return {"session_opened"};
    case FrameKind::kSessionClosed: return {"session_closed"};
    case FrameKind::kQuery:
      return {"query", FrameClass::kSystem, Route::kNobody, "peer method arguments result"};
    case FrameKind::kConnectionRefused:
      return {"connection_refused", FrameClass::kSystem, Route::kNobody, "source reason"};
    case FrameKind::kConnectionEnd:
      return reserved({"connection_end", FrameClass::kSystem, Route::kNobody, "user source reason detail"});
    case FrameKind::kKeyProbe:
      return reserved({"key_probe", FrameClass::kSystem, Route::kNobody, "user source key_fingerprints"});
    case FrameKind::kAddressDelayed:
      return reserved({"address_delayed", FrameClass::kSystem, Route::kNobody, "source"});
    case FrameKind::kRollbackSeen: return reserved({"rollback_seen"});
    case FrameKind::kRollbackAccepted: return reserved({"rollback_accepted"});
    case FrameKind::kProtocol: return reserved({"protocol", FrameClass::kSession});
    case FrameKind::kAgentRequest: return reserved({"agent_request", FrameClass::kSession});
    case FrameKind::kAgentReply: return reserved({"agent_reply", FrameClass::kSession});
    case FrameKind::kWithheld: return reserved({"withheld", FrameClass::kSession});
    case FrameKind::kAnswered: return reserved({"answered", FrameClass::kSession});
    case FrameKind::kInputBy: return reserved({"input_by", FrameClass::kSession});
    case FrameKind::kHeld: return reserved({"held", FrameClass::kSession});
    case FrameKind::kDecided: return reserved({"decided", FrameClass::kSession});
    case FrameKind::kControl: return reserved({"control"});
    case FrameKind::kControlResult: return reserved({"control_result"});
    case FrameKind::kHostState: return reserved({"host_state"});
    case FrameKind::kHostKeySeen: return reserved({"host_key_seen"});
    case FrameKind::kNodeUp: return reserved({"node_up"});
    case FrameKind::kNodeDown: return reserved({"node_down"});
    case FrameKind::kNodeInvite: return reserved({"node_invite"});
    case FrameKind::kNodeJoin: return reserved({"node_join"});
    case FrameKind::kCaRotate: return reserved({"ca_rotate"});
    case FrameKind::kCertificateIssued: return reserved({"certificate_issued"});
    case FrameKind::kGatewayVerb: return reserved({"gateway_verb"});
    case FrameKind::kErased: return reserved({"erased"});
    case FrameKind::kHoldSet: return reserved({"hold_set"});
    case FrameKind::kHoldLifted: return reserved({"hold_lifted"});
    case FrameKind::kRepacked: return reserved({"repacked"});
    case FrameKind::kVerdict: return reserved({"verdict"});
    case FrameKind::kSinkState: return reserved({"sink_state"});
    case FrameKind::kWatchHit: return reserved({"watch_hit"});
    case FrameKind::kIndexState: return reserved({"index_state"});
    case FrameKind::kWebLogin: return reserved({"web_login"});
    case FrameKind::kWebLogout: return reserved({"web_logout"});
    case FrameKind::kHttpRequest: return reserved({"http_request", FrameClass::kSession});
    case FrameKind::kHttpAnswer: return reserved({"http_answer", FrameClass::kSession});
    case FrameKind::kHttpTrailers: return reserved({"http_trailers", FrameClass::kSession});
    case FrameKind::kHttpEnd: return reserved({"http_end", FrameClass::kSession});
    case FrameKind::kMessageIn: return reserved({"message_in", FrameClass::kSession});
    case FrameKind::kMessageOut: return reserved({"message_out", FrameClass::kSession});
  }
  return {};
}
// clang-format on

constexpr Facts facts_of_number(uint32_t kind) {
  return kind <= UINT16_MAX ? facts_of(static_cast<FrameKind>(kind)) : Facts{};
}

}  // namespace

bool is_known(uint32_t kind) { return !facts_of_number(kind).name.empty(); }

bool is_written(uint32_t kind) { return is_known(kind) && !facts_of_number(kind).reserved; }

std::string kind_name(FrameKind kind) {
  const std::string_view name = facts_of(kind).name;
  return name.empty() ? "kind " + std::to_string(static_cast<uint16_t>(kind)) : std::string(name);
}

std::string_view searched_fields(FrameKind kind) { return facts_of(kind).searched; }

FrameClass class_of(FrameKind kind) { return facts_of(kind).frame_class; }

Route route_of(FrameKind kind) { return facts_of(kind).route; }

}  // namespace gatetape
