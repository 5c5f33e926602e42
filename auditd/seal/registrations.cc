#include "auditd/seal/registrations.h"

#include <set>
#include <utility>

namespace gatetape::auditd {

std::vector<WantedKey> wanted_keys(const std::vector<PublicKey>& writers,
                                   const std::vector<PublicKey>& recorders, const PublicKey& own) {
  std::vector<WantedKey> wanted = {{"auditd", own}};
  std::set<std::pair<std::string, std::string>> known = {{"gateway", own.raw}};
  for (const PublicKey& key : writers)
    if (known.emplace("gateway", key.raw).second) wanted.push_back({"gateway", key});
  for (const PublicKey& key : recorders)
    if (known.emplace("recorder", key.raw).second) wanted.push_back({"recorder", key});
  return wanted;
}

std::vector<WantedKey> missing_registrations(absl::Span<const std::string> entries,
                                             const std::vector<WantedKey>& wanted,
                                             const PublicKey& log_key) {
  std::set<std::pair<std::string, std::string>> registered;  // role and raw key
  for (const std::string& text : entries) {
    const absl::StatusOr<LogEntry> entry = LogEntry::parse(text);
    const auto* key = entry.ok() ? std::get_if<KeyEntry>(&entry->body) : nullptr;
    if (key == nullptr || !entry->verify(log_key)) continue;
    if (key->action == KeyEntry::Action::kRegister)
      registered.emplace(key->role, key->key.raw);
    else
      registered.erase({key->role, key->key.raw});
  }
  std::vector<WantedKey> missing;
  for (const WantedKey& one : wanted)
    if (!registered.contains({one.role, one.key.raw})) missing.push_back(one);
  return missing;
}

}  // namespace gatetape::auditd
