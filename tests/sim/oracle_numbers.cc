// The checks of the numbers that the sessions of a gateway carry.
#include "record/event.h"
#include "tests/sim/oracle.h"

namespace gatetape::sim {
namespace {

// Numbered is the number that a session_open carries, 0 for another frame.
struct Numbered {
  std::string run;
  uint64_t number = 0;
};

}  // namespace

// While a gateway lives, no session is stored before those with lower numbers: a hole would
// otherwise be a matter of the moment at which the gateway dies.
void Oracle::check_number(const Subject& stored) {
  const auto numbered = [](const Subject& one) {
    if (one.offered.empty() || one.offered[0].kind != FrameKind::kSessionOpen) return Numbered{};
    const absl::StatusOr<Event> open = Event::decode(one.offered[0].payload);
    return Numbered{std::string(open->get("gateway_run")),
                    std::stoull(std::string(open->get("session_no")))};
  };
  const Numbered now = numbered(stored);
  for (const Subject& one : subjects_) {
    const Numbered other = numbered(one);
    const bool is_earlier = other.run == now.run && other.number != 0 && other.number < now.number;
    if (is_earlier && one.durable == 0 && !one.excused)
      world_->violate("I3", "session number " + std::to_string(now.number) +
                                " is stored before number " + std::to_string(other.number));
  }
}

}  // namespace gatetape::sim
