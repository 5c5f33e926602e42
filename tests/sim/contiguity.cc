#include "tests/sim/contiguity.h"

#include <map>
#include <set>
#include <string>

#include "record/event.h"

namespace gatetape::sim {
namespace {

// first_event returns the session_open of a session's rows, an empty event when there is none.
Event first_event(const SessionId& id, const Database::Rows& rows) {
  const auto first = rows.frames.find(1);
  if (first == rows.frames.end() || !rows.keys) return {};
  std::vector<Frame> frames;
  FrameVerifier(id, *rows.keys).add(first->second, &frames);
  if (frames.empty() || frames[0].kind != FrameKind::kSessionOpen) return {};
  return *Event::decode(frames[0].payload);
}

}  // namespace

void check_contiguity(World* world, const Oracle& oracle, const Database& database) {
  std::map<std::string, std::set<uint64_t>> runs;
  for (const auto& [id, rows] : database.sessions()) {
    const Event open = first_event(id, rows);
    if (open.get("session_no").empty()) continue;
    const uint64_t number = std::stoull(std::string(open.get("session_no")));
    if (!runs[std::string(open.get("gateway_run"))].insert(number).second)
      world->violate("I3", "two sessions have the number " + std::to_string(number));
  }
  uint64_t missing = 0;
  for (const auto& [run, numbers] : runs) missing += *numbers.rbegin() - numbers.size();
  uint64_t rejected = 0;
  for (uint64_t session = 1; session <= oracle.sessions(); session++)
    if (oracle.is_excused(session) && oracle.durable(session) == 0) rejected++;
  if (missing > rejected)
    world->violate("I3", std::to_string(missing) + " session numbers are missing, and only " +
                             std::to_string(rejected) + " sessions were rejected");
}

}  // namespace gatetape::sim
