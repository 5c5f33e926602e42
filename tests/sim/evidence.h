// Evidence: verifies the rows after a run, without any other state of the run. Everything is
// computed again with record/verify, and a change of the rows must be found and named.
#pragma once

#include <vector>

#include "base/crypto.h"
#include "tests/sim/database.h"

namespace gatetape::sim {

// Keys are generated once per process, because no event of a run depends on them.
struct Keys {
  SigningKey gateway = SigningKey::generate();
  std::vector<SigningKey> recorders = {SigningKey::generate(), SigningKey::generate()};
  TrustedKeys trusted() const;
};

// check_evidence verifies every stored session. Then it changes the rows of one session at random
// and checks that the verifier notices (I8).
void check_evidence(World* world, const Oracle& oracle, const Database& database, const Keys& keys);

}  // namespace gatetape::sim
