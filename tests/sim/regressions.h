// Regressions: seeds that once failed, each with the name of the promise that was broken. Every
// test run replays them before new seeds. A change of the order of random draws changes the meaning
// of every seed. After such a change, look for a seed that fails without the fix.
#pragma once

#include <cstdint>
#include <vector>

namespace gatetape::sim {

struct Regression {
  const char* name;
  uint64_t seed;
};

const std::vector<Regression>& regressions();

}  // namespace gatetape::sim
