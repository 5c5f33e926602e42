// Contiguity: the sessions of each gateway run are numbered 1, 2, 3 ... (session_no, docs/FORMAT.md
// section 2), so that a session that is missing as a whole is a hole. The core is pure; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"
#include "record/session_id.h"

namespace gatetape::auditd {

class Contiguity {
 public:
  // Runs that began before `since` may have sessions from before, which are not looked at.
  explicit Contiguity(const SessionId& since) : since_(since) {}

  // add takes the next session in the order of run and number.
  void add(const SessionId& run, uint64_t number, const SessionId& session);
  const std::vector<std::string>& findings() const { return findings_; }

 private:
  void report(std::string what);

  const SessionId since_;
  SessionId run_;
  uint64_t next_ = 0;  // of the run; 0 before the first one
  SessionId last_;     // the session before
  std::vector<std::string> findings_;
};

// floor_id returns an id below every session id of this time or later, and above most older ones.
SessionId floor_id(int64_t wall_ns);

// find_holes returns a line for each session that is missing, and for each number that two sessions
// have, among the sessions that began since `since_ns` (Unix time).
absl::StatusOr<std::vector<std::string>> find_holes(Db& db, int64_t since_ns);

}  // namespace gatetape::auditd
