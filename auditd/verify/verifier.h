// Verifier: reads all that is stored of one session, in one snapshot, and gives its verdict. Made
// for one call on one lent connection; one thread. Memory does not grow with the session.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/db/pg.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/derived.h"
#include "record/verify.h"

namespace gatetape::auditd {

// read_keys reads public key files (PublicKey::to_text form, one key a file).
absl::StatusOr<std::vector<PublicKey>> read_keys(const std::vector<std::string>& paths);

class Verifier {
 public:
  Verifier(PgConnection& connection, const TrustedKeys& trusted, const Clock& clock)
      : connection_(connection), trusted_(trusted), clock_(clock) {}

  // verify gives the verdict of one session: DATA_LOSS of the store is one, any other failed read
  // is a status, never a verdict.
  absl::StatusOr<audit::v1::Verdict> verify(const SessionId& session);
  // take_broken_claims gives a verdict for each session that the system session just verified tells
  // of and that is not stored as it tells; none after a session of another kind.
  std::vector<audit::v1::Verdict> take_broken_claims();

 private:
  // What reading the frames of one session gathers.
  struct Progress {
    SessionId session;
    FrameVerifier frames;
    std::vector<EventRow> events;  // derived, not compared yet
    uint64_t events_compared = 0;  // up to this seq
    std::map<uint32_t, ChannelRow> channels;
    std::optional<SessionRow> opening;
    std::optional<SessionEndRow> ending;
    uint64_t last_offset_ns = 0;
  };
  struct BrokenClaim {
    uint64_t offset_ns = 0;
    audit::v1::Verdict verdict;
  };

  absl::Status read_all(const SessionId& session, audit::v1::Verdict* verdict);
  // Each gives the first problem, nothing when there is none.
  using Finding = absl::StatusOr<std::optional<Problem>>;
  Finding check_frames(Progress* progress);
  absl::Status take_frame(const Frame& frame, Progress* progress);
  Finding compare_events(Progress* progress, uint64_t up_to_seq);
  Finding check_rows(Progress* progress);
  Finding check_head_row(Progress* progress, audit::v1::Verdict* verdict);
  Finding find_problem(Progress* progress, audit::v1::Verdict* verdict);
  absl::Status check_claim(const Frame& frame, const Event& event, const SessionId& system_session);

  PgConnection& connection_;
  const TrustedKeys& trusted_;
  const Clock& clock_;
  std::vector<BrokenClaim> claims_;
};

}  // namespace gatetape::auditd
