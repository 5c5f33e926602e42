// The checks of the answers to a user's requests that were denied without a notice.
#include <algorithm>

#include "record/event.h"
#include "tests/sim/oracle.h"

namespace gatetape::sim {
namespace {

std::string field(std::string_view payload, std::string_view key) {
  return std::string(Event::decode(payload)->get(key));
}

}  // namespace

bool Oracle::is_program(std::string_view request) {
  return request == "shell" || request == "exec" || request == "subsystem";
}

// Answers come in the order of the requests. The failure of a request that is denied without a
// notice has no frame of its own.
const Oracle::Offered* Oracle::asks_next(uint64_t session, uint32_t channel) {
  Subject& one = subject(session);
  for (uint64_t& seq = one.asked[channel]; seq < one.offered.size();) {
    const Offered& offered = one.offered[seq++];
    const bool is_request =
        offered.kind == FrameKind::kRequestIn ||
        (offered.kind == FrameKind::kDenied && field(offered.payload, "side") == "user");
    if (offered.channel == channel && is_request && field(offered.payload, "want_reply") == "1")
      return &offered;
  }
  return nullptr;
}

bool Oracle::is_quiet(const Subject& one, const Offered& denied) {
  if (denied.kind != FrameKind::kDenied) return false;
  const std::string name = field(denied.payload, "name");
  if (name != "shell" && name != "exec") return true;
  const bool is_told =
      std::any_of(one.offered.begin(), one.offered.end(), [&](const Offered& offered) {
        return offered.channel == denied.channel && offered.kind == FrameKind::kNotice &&
               !field(offered.payload, "exit_status").empty();
      });
  return !is_told && runs_program(one, denied.channel);
}

bool Oracle::runs_program(const Subject& one, uint32_t channel) {
  return std::any_of(one.offered.begin(), one.offered.end(), [&](const Offered& offered) {
    return offered.channel == channel && offered.kind == FrameKind::kRequestIn &&
           is_program(field(offered.payload, "request"));
  });
}

bool Oracle::takes_failure(uint64_t session, uint32_t channel, bool ok) {
  const Offered* const asked = asks_next(session, channel);
  if (asked == nullptr) violate("I1", session, "a request is answered that was not made");
  const Subject& one = subject(session);
  const uint64_t seq = one.asked.at(channel);
  if (!is_quiet(one, *asked)) return false;
  if (one.over) violate("I6", session, "a request is answered after the end of the session");
  if (ok) violate("I1", session, "a request that was denied is answered with success");
  if (seq > one.durable) violate("I1", session, "a denial is answered before it is durable");
  if (seq > one.told) violate("I5", session, "a denial is answered while its commit is in doubt");
  return true;
}

}  // namespace gatetape::sim
