// Run: the run of one seed. It makes the world, runs it with faults, stops the faults, waits until
// everything is at rest, and checks the result. A violation ends the process.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/sim/evidence.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

// run_seed starts a run in which the seed decides everything.
void run_seed(uint64_t seed, const Keys& keys, FlightRecorder* box, bool trace);
// run_failing starts the fixed scenario with one failing call. It returns the kind of that call, or
// nothing when the run made fewer calls.
std::optional<Call> run_failing(const FailingCall& failing, const Keys& keys, FlightRecorder* box,
                                bool trace);

}  // namespace gatetape::sim
