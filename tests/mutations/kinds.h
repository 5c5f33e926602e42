// The kinds of changes that are made to a bundle. Each returns the changed file, or an empty text
// when it does not apply to the seed. One thread.
#pragma once

#include <string>
#include <vector>

#include "tests/mutations/mutants.h"

namespace gatetape::mutations {

struct Kind {
  const char* name;
  std::string (*change)(const Seed& seed, Rng& rng);
  // False when the change may leave a bundle that proves the same.
  bool is_bad = true;
};

// byte_kinds change bytes without regard to their meaning.
std::vector<Kind> byte_kinds();
// member_kinds move, repeat, drop and exchange members.
std::vector<Kind> member_kinds();
// frame_kinds change frames and their keys.
std::vector<Kind> frame_kinds();
// signed_kinds change what was signed, and proofs.
std::vector<Kind> signed_kinds();

// below returns a number from 0 to `count` - 1.
inline size_t below(Rng& rng, size_t count) { return static_cast<size_t>(rng() % count); }

// unless_same returns the file, or an empty text when the change came out as the seed itself.
inline std::string unless_same(const Seed& seed, std::string file) {
  return file == seed.text.write() ? std::string() : file;
}

}  // namespace gatetape::mutations
