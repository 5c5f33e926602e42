#include "tests/sim/regressions.h"

namespace gatetape::sim {

const std::vector<Regression>& regressions() {
  static const std::vector<Regression> table = {
      // Bound again after its head was stored and the answer was lost, a session was told that it
      // is closed and never that its last frames are durable.
      {"frames_under_a_stored_head_are_released", 6},
  };
  return table;
}

}  // namespace gatetape::sim
