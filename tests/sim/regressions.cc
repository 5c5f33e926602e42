#include "tests/sim/regressions.h"

namespace gatetape::sim {

const std::vector<Regression>& regressions() {
  static const std::vector<Regression> table;
  return table;
}

}  // namespace gatetape::sim
