// SessionReader: sessions as their rows tell them, with their state. Made for one call on one lent
// connection; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/db/pg.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/session_id.h"

namespace gatetape::auditd {

// SessionPage is a part of a list, newest first.
struct SessionPage {
  std::vector<audit::v1::Session> sessions;
  SessionId last;     // go on before this one
  bool more = false;  // there may be older ones
};

// The states: live (it goes on), closed (it has an end), interrupted (it has none and its gateway's
// run is over: ended, replaced by a newer one, or silent for 90 s).
class SessionReader {
 public:
  SessionReader(PgConnection& connection, const Clock& clock)
      : connection_(connection), clock_(clock) {}

  // load gives one session; NOT_FOUND when it has no session row.
  absl::StatusOr<audit::v1::Session> load(const SessionId& id);
  // page gives up to `rows` sessions that the request asks for, older than `before`; its limit is
  // the caller's business. INVALID_ARGUMENT for a bad address.
  absl::StatusOr<SessionPage> page(const audit::v1::ListSessionsRequest& request,
                                   const SessionId& before, uint32_t rows);
  // run_is_live tells whether the daemon whose system session `run` is still runs.
  absl::StatusOr<bool> run_is_live(const SessionId& run);

 private:
  absl::StatusOr<audit::v1::Session> from_row(const PgResult& rows, int row);

  PgConnection& connection_;
  const Clock& clock_;
  std::map<SessionId, bool> live_runs_;  // asked already
};

// newest_possible is above every session id.
SessionId newest_possible();
// like_pattern gives the SQL LIKE pattern of a glob of * and ?.
std::string like_pattern(std::string_view glob);
// check_address gives INVALID_ARGUMENT unless the text is empty, an address or a CIDR.
absl::Status check_address(std::string_view text);

}  // namespace gatetape::auditd
