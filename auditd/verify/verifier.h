// Verifier: reads all that is stored of one session, in one snapshot, and judges it. It is made for
// one call on one lent connection; one thread. Its memory does not grow with the session.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "auditd/verify/log_reader.h"
#include "auditd/verify/log_trust.h"
#include "auditd/verify/logged_session.h"
#include "base/clock.h"
#include "base/db/db.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/derived.h"
#include "record/verify.h"

namespace gatetape::auditd {

// read_keys reads files of public keys, one key per file in the form of PublicKey::to_text.
absl::StatusOr<std::vector<PublicKey>> read_keys(const std::vector<std::string>& paths);

// verify_guards returns a verdict without a session for each guard of the schema that is not as the
// migrations made it: what keeps rows from being changed may have been switched off.
absl::StatusOr<std::vector<audit::v1::Verdict>> verify_guards(Db& db);

class Verifier {
 public:
  // Without `log`, or without keys in it, the log is not asked. `checked` is what a check of the
  // whole log found (LogReader). All of it outlives the verifier.
  Verifier(Db& db, const TrustedKeys& trusted, const Clock& clock, const LogTrust* log = nullptr,
           const LogState* checked = nullptr)
      : db_(db), trusted_(trusted), clock_(clock), log_(log), checked_(checked) {}

  // verify returns the verdict of one session. DATA_LOSS of the store is such a verdict; any other
  // failed read is a status, never a verdict.
  absl::StatusOr<audit::v1::Verdict> verify(const SessionId& session);
  // take_broken_claims returns a verdict for each session that the system session just verified
  // tells of and that is not stored as it tells; none after a session of another kind.
  std::vector<audit::v1::Verdict> take_broken_claims();

 private:
  // Progress is what reading the frames of one session gathers.
  struct Progress {
    SessionId session;
    FormatVersion version;  // decides the text of the derived rows
    FrameVerifier frames;
    std::vector<EventRow> events;  // derived, and not compared yet
    uint64_t events_compared = 0;  // the seq up to which all were compared
    std::map<uint32_t, ChannelRow> channels;
    std::optional<SessionRow> opening;
    std::optional<SessionEndRow> ending;
    uint64_t last_offset_ns = 0;
    LoggedSession logged;
  };
  struct BrokenClaim {
    uint64_t offset_ns = 0;
    audit::v1::Verdict verdict;
  };

  absl::Status read_all(const SessionId& session, audit::v1::Verdict* verdict);
  bool asks_log() const { return log_ != nullptr && !log_->keys.empty(); }
  // judge_absent writes the verdict of a session without a commit key.
  absl::Status judge_absent(const SessionId& session, const LoggedSession& logged,
                            audit::v1::Verdict* verdict);
  // Each returns the first problem, or nothing when there is none.
  using Finding = absl::StatusOr<std::optional<Problem>>;
  Finding check_frames(Progress* progress);
  absl::Status take_frame(const Frame& frame, Progress* progress);
  Finding compare_events(Progress* progress, uint64_t up_to_seq);
  Finding compare_channels(const Progress& progress);
  Finding check_rows(Progress* progress);
  Finding check_head_row(Progress* progress, audit::v1::Verdict* verdict);
  Finding check_log(const Progress& progress, audit::v1::Verdict* verdict);
  // unsigned_detail returns why the session has no signed head.
  std::string unsigned_detail(const Progress& progress) const;
  Finding find_problem(Progress* progress, audit::v1::Verdict* verdict);
  absl::Status check_claim(const Frame& frame, const Event& event, const SessionId& system_session);

  Db& db_;
  const TrustedKeys& trusted_;
  const Clock& clock_;
  const LogTrust* const log_;
  const LogState* const checked_;
  std::vector<BrokenClaim> claims_;
};

}  // namespace gatetape::auditd
