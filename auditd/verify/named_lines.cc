#include "auditd/verify/named_lines.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "auditd/verify/evidence_reader.h"
#include "auditd/verify/logged_session.h"
#include "base/clock.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

constexpr char kSessionHeads[] = R"(
select session_id, state, leaf from gatetape.session_heads where session_id = any($1::uuid[]))";

// Lines that are compared by one statement.
constexpr size_t kLinesAtOnce = 1000;
// Verdicts that are kept; a log with more is beyond repair.
constexpr size_t kVerdictsMax = 10'000;

}  // namespace

bool NamedLines::is_full() const { return lines_.size() >= kLinesAtOnce; }

void NamedLines::add(const HeadsList& list, int64_t at_ns, const std::string& leaf) {
  for (const HeadsLine& line : list.lines()) {
    const bool is_close = line.state == HeadsLine::State::kClose;
    if (is_close || line.state == HeadsLine::State::kOpen)
      lines_.push_back({line.session, is_close ? "close" : "open", at_ns, leaf});
  }
}

absl::Status NamedLines::compare(Db& db) {
  const std::vector<Line> lines = std::exchange(lines_, {});
  for (size_t at = 0; at < lines.size(); at += kLinesAtOnce) {
    const size_t count = std::min(lines.size() - at, kLinesAtOnce);
    if (absl::Status status = compare(db, {lines.data() + at, count}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status NamedLines::compare(Db& db, absl::Span<const Line> lines) {
  PgArray sessions(PgArray::Element::kUuid);
  for (const Line& line : lines) sessions.add(PgParam::uuid(line.session.bytes()));
  const auto rows = db.query(kSessionHeads, {sessions.finish()});
  if (!rows.ok()) return rows.status();
  std::map<std::pair<std::string, std::string>, std::string> leaves;  // by session and state
  const auto read = read_rows(*rows, [&](DbRow& row) {
    const std::string session = row.uuid(), state = row.text();
    leaves[{session, state}] = row.bytes();
    return true;
  });
  if (!read.ok()) return read.status();
  for (const Line& line : lines) {
    const auto leaf = leaves.find({std::string(line.session.bytes()), line.state});
    if (leaf != leaves.end() && leaf->second == line.leaf) continue;
    if (absl::Status status = accuse(db, line); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status NamedLines::accuse(Db& db, const Line& line) {
  if (verdicts_.size() == kVerdictsMax) return absl::OkStatus();
  const auto tail = read_tail(db, line.session);
  if (!tail.ok()) return tail.status();
  Verdict verdict;
  verdict.set_session_id(std::string(line.session.bytes()));
  verdict.set_result(Verdict::RESULT_TAMPERED);
  verdict.set_detail(*tail ? absl::StrCat("no row of session_heads names ", list_name(line.at_ns),
                                          ", which has its ", line.state, " line")
                           : absl::StrCat("it is not stored, but the log has its ", line.state,
                                          " line of ", format_utc(line.at_ns)));
  verdicts_.push_back(std::move(verdict));
  return absl::OkStatus();
}

}  // namespace gatetape::auditd
