#include "tests/sim/regressions.h"

namespace gatetape::sim {

const std::vector<Regression>& regressions() {
  static const std::vector<Regression> table = {
      // The head of a session was stored, and the answer was lost. After the reconnect the writer
      // learned that the session was closed, and never that its last frames were durable.
      {"frames_under_a_stored_head_are_released", 2},
  };
  return table;
}

}  // namespace gatetape::sim
