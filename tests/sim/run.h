// Run: one seed: builds the world, lets it go on with faults, stops the faults, waits for rest and
// checks what is left. A violation ends the process.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/sim/evidence.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

// run_seed draws everything from the seed.
void run_seed(uint64_t seed, const Keys& keys, FlightRecorder* box, bool trace);
// run_failing plays the fixed scenario with one failing call and gives its kind; nothing when it
// never came.
std::optional<Call> run_failing(const FailingCall& failing, const Keys& keys, FlightRecorder* box,
                                bool trace);

}  // namespace gatetape::sim
