// Contiguity: checks after a run, from the stored rows, that the sessions of each gateway carry the
// numbers 1, 2, 3 ... (session_no, docs/FORMAT.md section 2).
#pragma once

#include "tests/sim/database.h"

namespace gatetape::sim {

// check_contiguity reads the numbers out of the stored first frames (I3). Only as many may be
// missing as the database or the recorder rejected sessions that the simulator had damaged.
void check_contiguity(World* world, const Oracle& oracle, const Database& database);

}  // namespace gatetape::sim
