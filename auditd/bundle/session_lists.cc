#include "auditd/bundle/session_lists.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/entry.h"

namespace gatetape::auditd {
namespace {

// `close` sorts before `open`.
constexpr char kNamed[] = R"(
select s.state, timestamptz_send(s.at), l.leaf_index, l.entry, h.list
from gatetape.session_heads s
left join gatetape.heads h on h.at = s.at and h.leaf = s.leaf
left join gatetape.log_leaf l on l.leaf = s.leaf
where s.session_id = $1::uuid order by s.state limit 3)";
constexpr char kNewestWith[] = R"(
select '', timestamptz_send(h.at), l.leaf_index, l.entry, h.list
from gatetape.heads h join gatetape.log_leaf l on l.leaf = h.leaf
where h.at >= $1::timestamptz and h.at <= $2::timestamptz and position($3::bytea in h.list) > 0
order by h.at desc limit 1)";

// The newest line of a session was signed within a second after its last commit. It is searched
// around the time of the last frame: first here, for clocks that agree, ...
constexpr int64_t kNearNs = 60'000'000'000;
// ... then here, for clocks that do not, or a recorder that was away.
constexpr int64_t kFarNs = 3600 * int64_t{1'000'000'000};

struct Row {
  std::string state;
  int64_t at_ns = 0;
  std::optional<uint64_t> leaf_index;
  std::string entry;
  std::string list;
};

Row row_of(DbRow& from) {
  Row row;
  row.state = from.text();
  row.at_ns = from.timestamptz_ns();
  row.leaf_index = from.maybe(&DbRow::count);
  row.entry = from.maybe(&DbRow::bytes).value_or("");
  row.list = from.maybe(&DbRow::bytes).value_or("");
  return row;
}

absl::Status altered(std::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "the log of the database was altered: ", std::string(what), "; run `gatetape verify --all`"));
}

// to_list returns the parsed list of a row. Without the list the line of a session proves nothing.
absl::StatusOr<SequencedList> to_list(const Row& row) {
  auto list = HeadsList::parse(row.list);
  const auto entry = LogEntry::parse(row.entry);
  const auto* heads = entry.ok() ? std::get_if<HeadsEntry>(&entry->body) : nullptr;
  if (!list.ok() || heads == nullptr || !list->is_of(*heads))
    return altered("a heads list is missing, or is not that of its entry");
  return SequencedList{*row.leaf_index, row.entry, *std::move(list)};
}

absl::StatusOr<std::vector<Row>> newest_between(Db& db, const SessionId& session, int64_t from_ns,
                                                int64_t to_ns) {
  const auto rows =
      db.query(kNewestWith, {PgParam::timestamptz(from_ns), PgParam::timestamptz(to_ns),
                             PgParam::bytea(session.to_text())});
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, row_of);
}

// add_newest adds the list of the newest line. The list of the opening may be the newest one.
absl::Status add_newest(Db& db, const SessionId& session, int64_t opened_ns, const LastFrame& last,
                        SessionLists* found) {
  for (int64_t distance : {kNearNs, kFarNs}) {
    const int64_t from = std::max(opened_ns, last.at_ns - distance);
    auto rows = newest_between(db, session, from, last.at_ns + distance);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) continue;
    if (rows->front().leaf_index == found->lists.front().leaf_index) return absl::OkStatus();
    auto list = to_list(rows->front());
    if (!list.ok()) return list.status();
    found->lists.push_back(*std::move(list));
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SessionLists> read_session_lists(Db& db, const SessionId& session,
                                                const LastFrame& last) {
  const auto rows = db.query(kNamed, {PgParam::uuid(session.bytes())});
  if (!rows.ok()) return rows.status();
  const auto named = read_rows(*rows, row_of);
  if (!named.ok()) return named.status();
  SessionLists found;
  for (const Row& row : *named) {
    found.ended = found.ended || row.state == "close";
    found.complete = found.complete && row.leaf_index.has_value();
    if (!row.leaf_index) continue;
    auto list = to_list(row);
    if (!list.ok()) return list.status();
    const bool is_known = !found.lists.empty() && found.lists.back().leaf_index == *row.leaf_index;
    if (!is_known) found.lists.push_back(*std::move(list));
  }
  if (found.ended || found.lists.empty()) return found;
  const absl::Status status = add_newest(db, session, named->front().at_ns, last, &found);
  if (!status.ok()) return status;
  return found;
}

}  // namespace gatetape::auditd
