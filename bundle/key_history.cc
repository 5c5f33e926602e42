#include "bundle/key_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatetape {

constexpr std::string_view kLogRole = "log";

KeyHistory::KeyHistory(const BundleKeys& given, std::string origin,
                       const std::vector<BundleEntry>& entries)
    : origin_(std::move(origin)) {
  for (const VerifierKey& key : given.logs)
    if (key.name == origin_) logs_.push_back(key.key);
  for (const BundleEntry& entry : entries)
    if (const KeyEntry* key = entry.key(); key != nullptr) add(entry, *key);
}

void KeyHistory::add(const BundleEntry& entry, const KeyEntry& key) {
  const auto signed_it = [&entry](const PublicKey& log) { return entry.entry.verify(log); };
  if (std::none_of(logs_.begin(), logs_.end(), signed_it)) {
    if (problem_.empty())
      problem_ = absl::StrCat("no log key signed the key entry with the leaf index ", entry.index);
    return;
  }
  counted_.push_back(&entry);
  if (key.role != kLogRole) return;
  std::erase_if(logs_, [&key](const PublicKey& log) { return log.raw == key.key.raw; });
  if (key.action == KeyEntry::Action::kRegister) logs_.push_back(key.key);
}

std::vector<VerifierKey> KeyHistory::log_keys() const {
  std::vector<VerifierKey> keys;
  for (const PublicKey& log : logs_) keys.push_back({origin_, NoteKeyType::kEd25519, log});
  return keys;
}

bool KeyHistory::is_registered(const PublicKey& key, std::string_view role,
                               uint64_t leaf_index) const {
  bool registered = false;
  for (const BundleEntry* entry : counted_) {
    const KeyEntry& said = *entry->key();
    if (entry->index < leaf_index && said.key.raw == key.raw && said.role == role)
      registered = said.action == KeyEntry::Action::kRegister;
  }
  return registered;
}

bool KeyHistory::is_signed(const BundleEntry& heads) const {
  const auto signed_it = [&](const BundleEntry* entry) {
    const PublicKey& key = entry->key()->key;
    return is_registered(key, "recorder", heads.index) && heads.entry.verify(key);
  };
  return std::any_of(counted_.begin(), counted_.end(), signed_it);
}

}  // namespace gatetape
