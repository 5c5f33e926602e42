// LogReader: reads what the log says of one session, and proves each line before it counts. It is
// made for one call on one lent connection inside a snapshot; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "auditd/verify/log_trust.h"
#include "auditd/verify/logged_session.h"
#include "base/db/db.h"
#include "log/proof.h"
#include "record/verify.h"

namespace gatetape::auditd {

// What the log is judged by.
struct LogBasis {
  const LogTrust& trust;
  const TrustedKeys& keys;            // its recorders sign entries
  const LogState* checked = nullptr;  // of a check of the whole log; null = each line is proved
};

class LogReader {
 public:
  // All of it outlives the reader.
  LogReader(Db& db, const LogBasis& basis) : db_(db), basis_(basis) {}

  // read returns the lines of a session. Without a check of the whole log it searches the lists for
  // the newest line of a session that has no close line, up to 256 MiB of them.
  absl::StatusOr<LoggedSession> read(const SessionId& session);
  // began_ns returns the time of the first heads entry; nothing when the log has none.
  absl::StatusOr<std::optional<int64_t>> began_ns();

 private:
  // ListRow is a heads list with the entry that commits to it.
  struct ListRow {
    std::string state;  // of session_heads; empty for a list that was searched for
    int64_t at_ns = 0;
    std::string leaf;
    std::optional<std::string> list;
    std::optional<int64_t> leaf_index;
    std::optional<std::string> entry;
  };
  static ListRow row_of(DbRow& from);
  absl::StatusOr<std::vector<ListRow>> query(const char* sql, const std::vector<PgParam>& params);
  absl::Status take(const ListRow& row, LoggedSession* logged, const SessionId& session);
  // line_of returns the line of `session`, or nothing and the problem in `logged`.
  absl::StatusOr<std::optional<LoggedLine>> line_of(const ListRow& row, const SessionId& session,
                                                    LoggedSession* logged);
  absl::StatusOr<bool> is_logged(const ListRow& row, const Hash& leaf);
  // contains returns true when the tree of a trusted checkpoint has the leaf at this index.
  absl::StatusOr<bool> contains(uint64_t index, const Hash& leaf);
  // Span is a time of lists, without its beginning and with its end.
  struct Span {
    int64_t from_ns = 0;
    int64_t until_ns = 0;
  };
  absl::Status find_newest(const SessionId& session, LoggedSession* logged);
  absl::StatusOr<int64_t> lists_bytes(const Span& part);
  // search takes the newest line of a session in the lists of `part`, if one names it.
  absl::Status search(const Span& part, const SessionId& session, LoggedSession* logged);
  absl::StatusOr<const TreeHead*> newest_tree();

  Db& db_;
  const LogBasis basis_;
  std::optional<TreeHead> tree_;  // of the newest checkpoint; size 0 when it is not trusted
};

}  // namespace gatetape::auditd
