// Regressions: seeds that once failed, by the name of what was broken. They run with every test
// run, before the fresh ones. What changes the order of draws changes every seed: then look for one
// that fails with the fix undone.
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
