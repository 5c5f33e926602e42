// CoveredSession: the coverage of one session (record/coverage.h), from the frames that auditd
// sends, and the check that it accounts for all of them. Main thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/audit_client.h"
#include "client/output.h"
#include "record/coverage.h"
#include "record/coverage_tally.h"

namespace gatetape::client {

struct CoveredSession {
  CoverageTally tally;
  uint64_t late_bytes = 0;
  absl::Status accounted;  // what CoverageTally::check returned

  // summary returns one line: "1 channel, 3 requests: 2 recorded (4.0K), 1 refused, 1 opaque (0)".
  std::string summary() const;
};

// cover_session reads the frames of the session with this name and passes on its rows: in the order
// of their frames, or, when there are more than 100,000, in that order within each 100,000. It
// fails as AuditClient::read and Coverage::add do.
absl::StatusOr<CoveredSession> cover_session(AuditClient& client, const std::string& id,
                                             const Coverage::Sink& each);

// coverage_columns and coverage_cells return the columns of a row and their cells.
std::vector<Column> coverage_columns();
std::vector<Cell> coverage_cells(const CoverageRow& row);

}  // namespace gatetape::client
