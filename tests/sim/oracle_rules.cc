// The checks of what new access rules end.
#include <algorithm>

#include "record/event.h"
#include "tests/sim/oracle.h"

namespace gatetape::sim {
namespace {

// The product lets a farewell wait this long for its record.
constexpr int64_t kFarewellNs = 500 * kMs;

}  // namespace

bool Oracle::is_withheld(const Subject& one, size_t frame) {
  const auto cut = one.cut.find(one.offered[frame].channel);
  return cut != one.cut.end() && frame < cut->second;
}

// After its cut a channel gets a line for the user, and its end on both sides.
void Oracle::check_offered_after_cut(uint64_t session, const Frame& frame) {
  Subject& one = subject(session);
  const FrameClass what = class_of(frame.kind);
  const bool ends =
      what == FrameClass::kNotice || what == FrameClass::kEof || what == FrameClass::kClose;
  if (one.cut.contains(frame.channel) && !ends)
    violate("access", session,
            std::string(kind_name(frame.kind)) + " is offered on a revoked channel");
  if (frame.kind != FrameKind::kRequestIn) return;
  const std::string request(Event::decode(frame.payload)->get("request"));
  if (is_program(request)) one.programs[frame.channel] = request;
}

void Oracle::on_rules_changed(uint64_t session, const Allowed& allowed) {
  Subject& one = subject(session);
  const bool is_opening = one.released == 0;  // the user was not told anything yet
  const bool tells = (is_opening ? allowed : one.allowed).tell_recorded;
  one.allowed = allowed;
  one.allowed.tell_recorded = tells;
  if (!allowed.login) {
    world_->note("the right to the session goes", session);
    one.revoked_at_ns = world_->now_ns();
    return;
  }
  for (const auto& [channel, program] : one.programs) {
    if (allows(allowed, program) || one.cut.contains(channel)) continue;
    world_->note("the right to the channel goes", session, channel);
    one.cut[channel] = one.offered.size();
    one.fidelity.on_cut(channel);
    for (const Route route : {Route::kToTarget, Route::kToUser}) one.waiting[{route, channel}] = 0;
  }
}

void Oracle::check_rules_hold(uint64_t session) {
  Subject& one = subject(session);
  if (one.over == one.allowed.login)
    violate("access", session,
            one.over ? "new rules end a session that they allow"
                     : "the session continues, and new rules deny it");
  if (one.over && Event::decode(one.offered.back().payload)->get("reason") != "revoked")
    violate("access", session, "the record gives another reason for the end");
  if (one.over) return;
  for (const auto& [channel, before] : one.cut)
    for (const FrameKind close : {FrameKind::kCloseIn, FrameKind::kCloseOut}) {
      const bool is_closed =
          one.told_close[{route_of(close), channel}] ||
          (close == FrameKind::kCloseIn && one.fidelity.is_lost(Side::kTarget)) ||
          std::any_of(one.offered.begin() + static_cast<std::ptrdiff_t>(before), one.offered.end(),
                      [close, channel = channel](const Offered& offered) {
                        return offered.kind == close && offered.channel == channel;
                      });
      if (!is_closed) violate("access", session, "a revoked channel continues");
    }
}

void Oracle::on_revocation_told(uint64_t session) {
  const Subject& one = subject(session);
  const bool is_durable = std::min(one.durable, one.told) == one.offered.size();
  if (!is_durable && world_->now_ns() - one.revoked_at_ns < kFarewellNs)
    violate("I1", session, "the user learns of the end before it is durable");
}

}  // namespace gatetape::sim
