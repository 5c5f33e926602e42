// Reads which heads lists of the log name a session, for its bundle. What is read is not verified.
// One thread uses the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"
#include "log/heads_list.h"
#include "record/session_id.h"

namespace gatetape::auditd {

// SequencedList is a heads list whose entry has its place in the log.
struct SequencedList {
  uint64_t leaf_index = 0;
  std::string entry;
  HeadsList list;
};

// SessionLists is the lists that a bundle needs.
struct SessionLists {
  std::vector<SequencedList> lists;  // of the opening, and of the end or the newest line
  // False when a list that is stored names the session and has no place in the log yet.
  bool complete = true;
  bool ended = false;  // a list has the `close` line
};

// LastFrame is when the session advanced for the last time, by the clock of its writer.
struct LastFrame {
  int64_t at_ns = 0;  // Unix time
};

// read_session_lists reads them. Of a session without a `close` line it searches the newest line of
// all that have a place in the log. It fails with DATA_LOSS when the rows contradict each other.
absl::StatusOr<SessionLists> read_session_lists(Db& db, const SessionId& session,
                                                const LastFrame& last);

}  // namespace gatetape::auditd
