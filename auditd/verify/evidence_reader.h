// The rows of one session, read for the verifier. One thread at a time uses the connection.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/pg.h"
#include "record/derived.h"
#include "record/verify.h"

namespace gatetape::auditd {

// Each read_* gives nullopt (or nothing in a list) where there is no row.
absl::StatusOr<std::optional<std::string>> read_commit_key(PgConnection& connection,
                                                           const SessionId& session);
absl::StatusOr<std::optional<StoredHead>> read_head(PgConnection& connection,
                                                    const SessionId& session);
absl::StatusOr<std::optional<SessionRow>> read_session(PgConnection& connection,
                                                       const SessionId& session);
absl::StatusOr<std::optional<SessionEndRow>> read_session_end(PgConnection& connection,
                                                              const SessionId& session);
// read_channels gives at most `limit` rows.
absl::StatusOr<std::map<uint32_t, ChannelRow>> read_channels(PgConnection& connection,
                                                             const SessionId& session,
                                                             size_t limit);
// read_events gives the rows with after_seq < seq <= up_to_seq in order, at most `limit`.
absl::StatusOr<std::vector<EventRow>> read_events(PgConnection& connection,
                                                  const SessionId& session, uint64_t after_seq,
                                                  uint64_t up_to_seq, size_t limit);

// StoredTail is the newest frames row.
struct StoredTail {
  uint64_t last_seq = 0;
  std::string root;
};
absl::StatusOr<std::optional<StoredTail>> read_tail(PgConnection& connection,
                                                    const SessionId& session);
// next_sessions gives the `limit` smallest ids above `after` of which any row is stored: nobody
// hides a session by removing some of its rows.
absl::StatusOr<std::vector<SessionId>> next_sessions(PgConnection& connection,
                                                     const SessionId& after, size_t limit);

}  // namespace gatetape::auditd
