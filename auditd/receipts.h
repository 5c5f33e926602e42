// ReceiptMaker: makes the receipt of a session (docs/FORMAT.md section 12) from what is stored, and
// signs it. It is made for one call; one thread.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "auditd/read/database.h"
#include "auditd/verify/log_trust.h"
#include "base/clock.h"
#include "log/receipt.h"
#include "record/verify.h"

namespace gatetape::auditd {

class ReceiptMaker {
 public:
  struct Parts {
    std::function<absl::StatusOr<Database::Lease>()> lease;
    std::function<bool()> is_unwanted;  // the client has gone away
    const TrustedKeys& trusted;
    const LogTrust* log;  // null: auditd has no log, and the lines are not asked for
    const Clock& clock;
    const SigningKey& issuer;
  };
  explicit ReceiptMaker(Parts parts) : parts_(std::move(parts)) {}

  // make returns a signed receipt. When the log will soon have the session's newest line, it waits
  // up to 5 s for the checkpoint; after that the receipt has no proof, or the proof of the open
  // line alone. It fails with DATA_LOSS when the session, or what the log holds of it, was altered:
  // auditd signs no statement about it. It fails with NOT_FOUND when there is no such session.
  absl::StatusOr<Receipt> make(const SessionId& session);

 private:
  absl::StatusOr<Receipt> read_facts(const SessionId& session);
  // prove adds the proof of the log, if there is one. It returns false when a better one may come.
  absl::StatusOr<bool> prove(Receipt* receipt);

  const Parts parts_;
};

}  // namespace gatetape::auditd
