// Reads the rows of one session for the verifier. One thread at a time uses the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "auditd/verify/derived_check.h"
#include "base/db/db.h"
#include "record/derived.h"
#include "record/verify.h"

namespace gatetape::auditd {

// Each read_* returns nullopt, or an empty page, where there is no row.
// read_keys also returns nullopt when the row holds no commit key. It fails with DATA_LOSS when the
// key has another size than keys have, or is not the one of the stored key_check.
absl::StatusOr<std::optional<CommitKeys>> read_keys(Db& db, const SessionId& session);
absl::StatusOr<std::optional<StoredHead>> read_head(Db& db, const SessionId& session);
absl::StatusOr<std::optional<SessionRow>> read_session(Db& db, const SessionId& session);
absl::StatusOr<std::optional<SessionEndRow>> read_session_end(Db& db, const SessionId& session);

// RowRange names rows of one session by their number: the channel, or the seq.
struct RowRange {
  SessionId session;
  uint64_t first = 0;  // 0 also finds a negative number, which no frame has
  uint64_t last = INT64_MAX;
  PageBound page;
};
// read_channels and read_events return the first rows of a range, in the order of the numbers, with
// texts cut at page.text_max.
absl::StatusOr<std::vector<ChannelRow>> read_channels(Db& db, const RowRange& range);
absl::StatusOr<std::vector<EventRow>> read_events(Db& db, const RowRange& range);
// for_each_event calls `visit` with each event of a session until it fails. The connection has no
// open transaction.
absl::Status for_each_event(Db& db, const SessionId& session,
                            absl::FunctionRef<absl::Status(const EventRow&)> visit);

// StoredTail is the newest frames row.
struct StoredTail {
  uint64_t last_seq = 0;
  std::string root;
};
absl::StatusOr<std::optional<StoredTail>> read_tail(Db& db, const SessionId& session);
// next_sessions returns the `limit` smallest ids above `after` of which any row is stored: nobody
// hides a session by removing some of its rows.
absl::StatusOr<std::vector<SessionId>> next_sessions(Db& db, const SessionId& after, size_t limit);

// count_sessions returns how many sessions with ids above `after` have a commit key.
absl::StatusOr<uint64_t> count_sessions(Db& db, const SessionId& after);

}  // namespace gatetape::auditd
