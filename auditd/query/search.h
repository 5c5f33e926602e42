// search finds sessions by their own fields and by their events: commands of exec, subsystems,
// environment, denials. One thread at a time uses the connection.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "auditd/query/session_reader.h"
#include "base/db/db.h"
#include "gatetape/audit/v1/audit.pb.h"

namespace gatetape::auditd {

// The most hits of one search. More are cut off, the oldest first: the hits of a search are in
// memory until all are sorted, and nobody reads through more.
constexpr uint32_t kSearchHitsMax = 10'000;

// search returns the hits, newest session first, at most the request's limit (0 is kSearchHitsMax).
// INVALID_ARGUMENT for an empty pattern or a bad regular expression. `sessions` reads from `db`,
// which has no open transaction.
absl::StatusOr<std::vector<audit::v1::Hit>> search(Db& db, SessionReader& sessions,
                                                   const audit::v1::SearchRequest& request);

}  // namespace gatetape::auditd
