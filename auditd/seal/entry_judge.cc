#include "auditd/seal/entry_judge.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "log/entry.h"
#include "log/proof.h"

namespace gatetape::auditd {

absl::StatusOr<Candidate> EntryJudge::judge(const WaitingEntry& row) const {
  Candidate candidate{merkle_leaf(row.entry), row.entry, row.inserted_at_ns, {}, 0};
  if (row.leaf != view(candidate.leaf))
    return absl::DataLossError("the leaf hash is not that of the entry");
  const absl::StatusOr<LogEntry> entry = LogEntry::parse(row.entry);
  if (!entry.ok()) return absl::InvalidArgumentError(entry.status().message());
  const auto* heads = std::get_if<HeadsEntry>(&entry->body);
  if (heads == nullptr) return absl::InvalidArgumentError("a recorder signs no entry of this type");
  const auto signer = std::find_if(recorders_.begin(), recorders_.end(),
                                   [&](const PublicKey& key) { return key.id() == entry->signer; });
  if (signer == recorders_.end())
    return absl::PermissionDeniedError(
        absl::StrCat("its signer ", entry->signer, " is none of auditd.recorder_keys"));
  if (!entry->verify(*signer)) return absl::DataLossError("its signature does not verify");
  candidate.run = entry->signer + heads->run;
  candidate.n = heads->n;
  return candidate;
}

void sort_for_log(std::vector<Candidate>* candidates) {
  const auto by_time = [](const Candidate& a, const Candidate& b) {
    return std::pair(a.inserted_at_ns, a.n) < std::pair(b.inserted_at_ns, b.n);
  };
  std::stable_sort(candidates->begin(), candidates->end(), by_time);
  // The places that a run has together are filled in the order of n.
  std::map<std::string, std::vector<size_t>> places;
  for (size_t i = 0; i < candidates->size(); i++) places[(*candidates)[i].run].push_back(i);
  for (const auto& [run, own] : places) {
    std::vector<Candidate> entries;
    for (const size_t place : own) entries.push_back(std::move((*candidates)[place]));
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Candidate& a, const Candidate& b) { return a.n < b.n; });
    for (size_t i = 0; i < own.size(); i++) (*candidates)[own[i]] = std::move(entries[i]);
  }
}

}  // namespace gatetape::auditd
