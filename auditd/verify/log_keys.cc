#include "auditd/verify/log_keys.h"

#include <variant>

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

constexpr char kBadSignature[] = "has a signature that does not verify";

bool is_of_log_key(const LogEntry& entry) {
  return std::holds_alternative<KeyEntry>(entry.body) ||
         std::holds_alternative<StartEntry>(entry.body);
}

}  // namespace

LogKeys::LogKeys(const std::vector<VerifierKey>& log_keys) {
  for (const VerifierKey& key : log_keys) log_keys_.emplace(key.key.id(), key.key);
}

std::string LogKeys::check_log_key(const LogEntry& entry) const {
  const auto key = log_keys_.find(entry.signer);
  if (key == log_keys_.end())
    return absl::StrCat("is signed by key ", entry.signer, ", which is no log key");
  return entry.verify(key->second) ? "" : kBadSignature;
}

std::string LogKeys::check(const LogEntry& entry, bool with_signature) const {
  if (is_of_log_key(entry)) return check_log_key(entry);
  const auto key = keys_.find(entry.signer);
  const bool is_pruned = std::holds_alternative<PrunedEntry>(entry.body);
  if (key == keys_.end() ||
      (key->second.role != "recorder" && !(is_pruned && key->second.role == "keeper")))
    return absl::StrCat("is signed by key ", entry.signer,
                        ", which the log has not registered as a recorder's");
  return !with_signature || entry.verify(key->second.key) ? "" : kBadSignature;
}

void LogKeys::take(const LogEntry& entry) {
  const auto* key = std::get_if<KeyEntry>(&entry.body);
  if (key == nullptr) return;
  const std::string id = key->key.id();
  const bool is_registration = key->action == KeyEntry::Action::kRegister;
  if (key->role == "log") {
    log_keys_.erase(id);
    if (is_registration) log_keys_.emplace(id, key->key);
    return;
  }
  keys_.erase(id);
  if (is_registration) keys_.emplace(id, Registered{key->role, key->key});
}

}  // namespace gatetape::auditd
