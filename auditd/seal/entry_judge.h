// EntryJudge: which rows of log_entry get a place in the log, and in which order. A superuser of
// the database can insert any row there, so only what a recorder signed is taken. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape::auditd {

// WaitingEntry is a row of log_entry whose leaf hash has no place in the log.
struct WaitingEntry {
  std::string leaf;
  std::string entry;
  int64_t inserted_at_ns = 0;  // Unix time, by the clock of the database
  int64_t age_ns = 0;          // by the same clock
};

// Candidate is an entry that may get a place in the log.
struct Candidate {
  Hash leaf{};
  std::string entry;
  int64_t inserted_at_ns = 0;
  std::string run;  // of the recorder; its entries are in the order of n
  uint64_t n = 0;
};

class EntryJudge {
 public:
  // `recorders` are the keys whose entries are taken.
  explicit EntryJudge(std::vector<PublicKey> recorders) : recorders_(std::move(recorders)) {}

  // judge accepts a heads entry that one of the recorders signed. It fails with INVALID_ARGUMENT
  // when the row is no such entry, with PERMISSION_DENIED when its signer is no recorder of ours,
  // and with DATA_LOSS when its leaf hash or its signature is wrong.
  absl::StatusOr<Candidate> judge(const WaitingEntry& row) const;

 private:
  const std::vector<PublicKey> recorders_;
};

// sort_for_log sorts candidates by the time of their transaction, and those of one run by n: the
// entries of one transaction have one time, and the clock of the database may be set back.
void sort_for_log(std::vector<Candidate>* candidates);

}  // namespace gatetape::auditd
