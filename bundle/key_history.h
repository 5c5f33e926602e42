// KeyHistory: which keys were registered when, by the `key` entries of a bundle and the log keys
// that the verifier was given (docs/FORMAT.md sections 10.6 and 10.7). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/keys.h"
#include "bundle/statements.h"

namespace gatetape {

class KeyHistory {
 public:
  // `entries` are those of the bundle by ascending leaf index, and outlive the history. `origin` is
  // that of the checkpoint.
  KeyHistory(const BundleKeys& given, std::string origin, const std::vector<BundleEntry>& entries);

  // log_keys returns the log keys after the last entry.
  std::vector<VerifierKey> log_keys() const;
  // problem returns the first `key` entry that does not count, in words; empty = none.
  const std::string& problem() const { return problem_; }
  // is_registered returns true when a key is registered for a role at a leaf index.
  bool is_registered(const PublicKey& key, std::string_view role, uint64_t leaf_index) const;
  // is_signed returns true when a recorder that is registered at the index of this `heads` entry
  // signed it.
  bool is_signed(const BundleEntry& heads) const;

 private:
  void add(const BundleEntry& entry, const KeyEntry& key);

  std::string origin_;
  std::vector<PublicKey> logs_;
  std::vector<const BundleEntry*> counted_;  // `key` entries that a log key signed
  std::string problem_;
};

}  // namespace gatetape
