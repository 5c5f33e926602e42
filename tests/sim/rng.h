// Rng: the only source of randomness in a run. It uses splitmix64, so that a seed leads to the same
// run with every compiler. One thread.
#pragma once

#include <cstdint>
#include <string>

namespace gatetape::sim {

class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 0x1234567U) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // below returns a number from 0 to limit - 1. `limit` is not 0.
  uint64_t below(uint64_t limit) { return next() % limit; }
  // between returns a number from `least` to `most`, both included.
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(below(static_cast<uint64_t>(most - least) + 1));
  }
  bool chance(double probability) {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }
  // bytes returns `count` bytes. In 70 % of the calls they are few different letters, which
  // compress.
  std::string bytes(size_t count) {
    std::string bytes(count, '\0');
    const bool text = chance(0.7);
    for (char& byte : bytes) byte = static_cast<char>(text ? 'a' + below(8) : below(256));
    return bytes;
  }

 private:
  uint64_t state_;
};

}  // namespace gatetape::sim
