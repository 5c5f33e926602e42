// search: sessions by their own fields and by their events: commands of exec, subsystems,
// environment, denials. One thread at a time uses the connection.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "auditd/query/session_reader.h"
#include "base/db/pg.h"
#include "gatetape/audit/v1/audit.pb.h"

namespace gatetape::auditd {

constexpr uint32_t kSearchHitsMax = 10'000;

// search gives the hits, newest session first, at most the request's limit (0 = kSearchHitsMax).
// INVALID_ARGUMENT for an empty pattern or a bad regular expression.
absl::StatusOr<std::vector<audit::v1::Hit>> search(PgConnection& connection,
                                                   SessionReader& sessions,
                                                   const audit::v1::SearchRequest& request);

}  // namespace gatetape::auditd
