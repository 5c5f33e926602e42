// NamedLines: the open and close lines of the log, each of which must have a row of session_heads
// that names its list. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/db/db.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "log/heads_list.h"

namespace gatetape::auditd {

class NamedLines {
 public:
  // add notes the open and close lines of a list, which compare looks for later.
  void add(const HeadsList& list, int64_t at_ns, const std::string& leaf);
  // is_full returns true when compare is due: the noted lines are kept in memory.
  bool is_full() const;
  // compare reads the rows of the noted lines, and forgets the lines. It fails as the database
  // does.
  absl::Status compare(Db& db);
  // take_verdicts returns a verdict for each line without such a row, at most 10,000 of them.
  std::vector<audit::v1::Verdict> take_verdicts() { return std::move(verdicts_); }

 private:
  struct Line {
    SessionId session;
    std::string state;  // "open" or "close"
    int64_t at_ns = 0;  // of the list
    std::string leaf;   // of the list
  };
  absl::Status compare(Db& db, absl::Span<const Line> lines);
  absl::Status accuse(Db& db, const Line& line);

  std::vector<Line> lines_;
  std::vector<audit::v1::Verdict> verdicts_;
};

}  // namespace gatetape::auditd
