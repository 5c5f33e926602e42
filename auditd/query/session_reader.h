// SessionReader: reads sessions from their rows and works out their state. It is made for one call
// on one lent connection; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/db/db.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/session_id.h"

namespace gatetape::auditd {

// SessionPage is a part of a list, newest first.
struct SessionPage {
  std::vector<audit::v1::Session> sessions;
  SessionId last;     // the next page goes on before this one
  bool more = false;  // there may be older sessions
};

// The states of a session: live (it goes on), closed (it has an end), interrupted (it has none, and
// its gateway's run is over: ended, replaced by a newer one, or silent for 90 s).
class SessionReader {
 public:
  SessionReader(Db& db, const Clock& clock) : db_(db), clock_(clock) {}

  // load returns one session; NOT_FOUND when it has no session row.
  absl::StatusOr<audit::v1::Session> load(const SessionId& id);
  // load_each calls `visit` with each of these sessions that has a session row, in one statement.
  // The connection has an open transaction.
  absl::Status load_each(const std::vector<SessionId>& ids,
                         absl::FunctionRef<void(audit::v1::Session)> visit);
  // page returns up to `rows` sessions that the request asks for, older than `before`. The caller
  // keeps to the limit of the request. The connection has no open transaction. INVALID_ARGUMENT for
  // a bad address.
  absl::StatusOr<SessionPage> page(const audit::v1::ListSessionsRequest& request,
                                   const SessionId& before, uint32_t rows);
  // run_is_live returns whether the daemon with the system session `run` still runs.
  absl::StatusOr<bool> run_is_live(const SessionId& run);

 private:
  // read returns the session of a row of the statements that list sessions.
  absl::StatusOr<audit::v1::Session> read(DbRow& row);
  // set_state sets the state of a session without an end, by whether its daemon's run is live.
  absl::Status set_state(const std::string& run, audit::v1::Session* session);

  Db& db_;
  const Clock& clock_;
  std::map<SessionId, bool> live_runs_;  // the runs that were asked about already
};

// newest_possible returns what is above every session id.
SessionId newest_possible();
// check_address returns INVALID_ARGUMENT unless the text is empty, an address or a CIDR.
absl::Status check_address(std::string_view text);

}  // namespace gatetape::auditd
