// Mutants: bundles that differ from good ones in one way each, with what a verifier must say. The
// choices come from a number; the keys are new for each run. One thread.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/bundle_maker.h"

namespace gatetape::mutations {

using Rng = std::mt19937_64;

// Seed is a good bundle, and what a forger could take from elsewhere.
struct Seed {
  std::string name;
  BundleText text;
  BundleText other;     // another session with the same signers, made in the same way
  BundleText invented;  // the same session without redactions, with invented input
  BundleText forged;    // the same session, all of it signed by keys of the forger
  BundleText older;     // the log before its last lists
  BundleText retired;   // the recorder's key was retired before it signed the newest list
};

struct Mutant {
  std::string name;  // what was done, to which seed
  // True when the verifier must not accept it.
  bool is_bad = true;
  std::string file;
};

class Mutants {
 public:
  explicit Mutants(uint64_t number);
  // next returns the next mutant. The unchanged seeds come first.
  Mutant next();
  const BundleSigners& signers() const { return signers_; }

 private:
  void add_seed(const std::string& name, BundlePlan plan);

  BundleSigners signers_ = BundleSigners::generate();
  BundleSigners forger_ = BundleSigners::generate();
  Rng rng_;
  std::vector<Seed> seeds_;
  size_t made_ = 0;
};

}  // namespace gatetape::mutations
