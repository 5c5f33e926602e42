// VerifyAll: verifies the guards of the schema, the log, the numbers of the sessions, and then each
// session. Every step has a connection of its own for as long as it takes. One call; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "auditd/read/database.h"
#include "auditd/verify/log_check.h"
#include "auditd/verify/log_trust.h"
#include "base/clock.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/session_id.h"
#include "record/verify.h"

namespace gatetape::auditd {

// VerifyParts is what judging needs; all of it outlives the one who judges.
struct VerifyParts {
  const TrustedKeys& trusted;
  const LogTrust& log;
  const Clock& clock;
  std::function<absl::StatusOr<Database::Lease>()> lease;
};

// VerifyRange bounds the sessions that are judged. The log is always judged as a whole; from
// `since_ns` on with the signatures of its entries and checkpoints.
struct VerifyRange {
  int64_t since_ns = 0;          // sessions that began at or after this Unix time
  int64_t until_ns = INT64_MAX;  // and before this one
  SessionId after;               // and with a larger id: where an earlier call stopped
};

class VerifyAll {
 public:
  // Emit passes a verdict on. When it fails, the call ends with its status.
  using Emit = absl::FunctionRef<absl::Status(const audit::v1::Verdict&)>;

  VerifyAll(VerifyParts parts, const VerifyRange& range)
      : parts_(std::move(parts)), range_(range) {}

  // run emits the verdicts; first those without a session. It fails as the database does.
  absl::Status run(Emit emit);

 private:
  absl::Status judge_schema(Emit emit);
  absl::Status judge_log(Emit emit);
  absl::Status judge_numbers(Emit emit);
  absl::Status judge_sessions(Emit emit);
  absl::Status judge_session(const SessionId& session, Emit emit);
  absl::Status emit_all(const std::vector<audit::v1::Verdict>& verdicts, Emit emit) const;

  const VerifyParts parts_;
  const VerifyRange range_;
  LogState state_;
  bool has_log_ = false;  // the log was judged
  uint64_t sessions_ = 0;
};

}  // namespace gatetape::auditd
