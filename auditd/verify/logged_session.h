// LoggedSession: what the heads lists of the log say of one session (docs/FORMAT.md section 9.2),
// and whether its stored rows agree. Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/heads_list.h"
#include "record/verify.h"

namespace gatetape::auditd {

// LoggedLine is the line of a session in a heads list whose entry is in the log, or which a trusted
// recorder signed and the sequencer has not taken yet.
struct LoggedLine {
  HeadsLine line;
  int64_t at_ns = 0;  // time of the list, Unix ns
};

struct LoggedSession {
  std::optional<LoggedLine> open;  // of the first list: `open`, or `close` when it is the last too
  std::optional<LoggedLine> newest;  // the largest `live` line that is known
  std::optional<LoggedLine> close;   // of the last list
  std::string problem;               // what is wrong with these lines; empty = nothing
  std::string note;                  // what was not looked at; empty = nothing
};

// LogState is what a check of the whole log leaves for the check of the sessions.
struct LogState {
  uint64_t checked_size = 0;        // leaves that are in the tree of a checkpoint of a trusted key
  std::optional<int64_t> began_ns;  // time of the first heads entry
  // The newest line of each session that has no `close` line. So the memory grows with the sessions
  // that live or that a crash interrupted, about 150 bytes for each, and not with the log.
  std::map<SessionId, LoggedLine> unclosed;
};

// list_name returns the words for the list of a time: "the heads list of 2026-...Z".
std::string list_name(int64_t at_ns);
// known_roots returns the roots that the frames of the session must have.
std::vector<KnownRoot> known_roots(const LoggedSession& logged);

// StoredState is what is stored of the session.
struct StoredState {
  SessionId session;
  int64_t started_at_ns = 0;  // as its first frame says, Unix ns
  uint64_t frames = 0;
  bool has_head = false;
};
// check_logged returns the first problem between the lines of a session and what is stored of it.
// The roots of the lines are compared by FrameVerifier.
std::optional<Problem> check_logged(const LoggedSession& logged, const StoredState& stored,
                                    std::optional<int64_t> log_began_ns);
// not_stored returns the problem of a session of which nothing is stored, when a line names it.
std::optional<Problem> not_stored(const LoggedSession& logged);

}  // namespace gatetape::auditd
