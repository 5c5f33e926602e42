// Evidence: after a run, a stranger's look at the rows alone: everything is computed again with
// record/verify, and what was tampered with must be found and named.
#pragma once

#include <vector>

#include "base/crypto.h"
#include "tests/sim/database.h"

namespace gatetape::sim {

// Keys are made once a process: they decide nothing that happens in a run.
struct Keys {
  SigningKey gateway = SigningKey::generate();
  std::vector<SigningKey> recorders = {SigningKey::generate(), SigningKey::generate()};
  TrustedKeys trusted() const;
};

// check_evidence verifies every stored session, and one at random once more after a change to its
// rows that must be noticed (I8).
void check_evidence(World* world, const Oracle& oracle, const Database& database, const Keys& keys);

}  // namespace gatetape::sim
