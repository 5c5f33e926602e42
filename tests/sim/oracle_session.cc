// The checks of what a user learns outside of the channels: the login, banners and answers.
#include <algorithm>

#include "record/event.h"
#include "tests/sim/oracle.h"

namespace gatetape::sim {

void Oracle::on_banner_shown(uint64_t session, std::string_view banner) {
  Subject& one = subject(session);
  if (one.over) violate("I6", session, "a banner is shown after the end of the session");
  if (one.allowed.tell_recorded && !one.told_recorded) {
    one.told_recorded = true;
    return on_session_step(session, FrameKind::kSessionOpen);
  }
  size_t place = 0;
  for (uint64_t seq = 1; seq <= std::min(one.durable, one.told); seq++)
    if (one.offered[seq - 1].kind == FrameKind::kBanner && place++ == one.banners_shown) {
      one.banners_shown++;
      if (Event::decode(one.offered[seq - 1].payload)->get("text") != banner)
        violate("I1", session, "another banner is shown");
      return;
    }
  violate("I1", session, "a banner is shown before its frame is durable");
}

void Oracle::on_session_step(uint64_t session, FrameKind kind) {
  const Subject& one = subject(session);
  bool is_durable = false;
  for (uint64_t seq = 1; seq <= std::min(one.durable, one.told); seq++)
    is_durable = is_durable || one.offered[seq - 1].kind == kind;
  if (!is_durable) violate("I1", session, "the session continues before its frame is durable");
  check_claim(session);
  const bool is_told = one.told_recorded || !one.allowed.tell_recorded;
  if (kind == FrameKind::kTargetConnect &&
      (!is_told || one.banners_shown != one.fidelity.banners_sent()))
    violate("told", session, "the login succeeds before all banners are shown");
}

void Oracle::on_claim(uint64_t session, uint64_t system, uint64_t seq) {
  subject(session).claimed_by = system;
  subject(session).claim_seq = seq;
}

void Oracle::check_claim(uint64_t session) {
  const Subject& one = subject(session);
  if (one.claimed_by == 0) violate("I1", session, "a frame is released before a claim is offered");
  const Subject& system = subject(one.claimed_by);
  if (one.claim_seq > system.durable)
    violate("I1", session, "a frame is released before the claim is durable");
  if (one.claim_seq > system.told)
    violate("I5", session, "a frame is released while the claim is in doubt");
}

void Oracle::on_answered(uint64_t session, uint64_t seq) {
  const Subject& one = subject(session);
  if (seq > one.durable) violate("I1", session, "an answer leaves before its question is durable");
  if (seq > one.told) violate("I5", session, "an answer leaves while its question is in doubt");
}

void Oracle::on_denial_told(uint64_t session) {
  Subject& one = subject(session);
  uint64_t durable = 0;
  for (uint64_t seq = 1; seq <= std::min(one.durable, one.told); seq++)
    if (one.offered[seq - 1].kind == FrameKind::kDenied && one.offered[seq - 1].channel == 0)
      durable++;
  if (++one.denials_told > durable)
    violate("I1", session, "a peer learns of a denial before it is durable");
}

}  // namespace gatetape::sim
