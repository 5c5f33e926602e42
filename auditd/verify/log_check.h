// LogCheck: reads the whole log once and judges it (LogCore), with everything that is stored beside
// it: nodes, heads lists, rows of session_heads, entries that wait for their place, and the
// published checkpoint. One call on one lent connection, in one snapshot; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "auditd/verify/log_trust.h"
#include "auditd/verify/logged_session.h"
#include "base/clock.h"
#include "base/db/db.h"
#include "gatetape/audit/v1/audit.pb.h"

namespace gatetape::auditd {

struct LogReport {
  std::vector<audit::v1::Verdict> verdicts;  // most of them without a session
  LogState state;
};

// check_log judges the log. It verifies the signatures of heads entries and checkpoints from
// `signatures_from_ns` (Unix time) on, and computes the tree over all leaves. A fault of the
// database is a status, never a verdict.
absl::StatusOr<LogReport> check_log(Db& db, const LogTrust& trust, const Clock& clock,
                                    int64_t signatures_from_ns);

}  // namespace gatetape::auditd
