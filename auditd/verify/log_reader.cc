#include "auditd/verify/log_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "log/checkpoint.h"
#include "log/db/db_node_source.h"
#include "log/db/log_rows.h"
#include "log/entry.h"

namespace gatetape::auditd {
namespace {

// A second row of a state, which the primary key forbids, is read to be seen.
constexpr char kLines[] = R"(
select s.state, timestamptz_send(s.at), s.leaf, h.list, l.leaf_index, coalesce(l.entry, e.entry)
from gatetape.session_heads s
left join gatetape.heads h on h.at = s.at and h.leaf = s.leaf
left join gatetape.log_leaf l on l.leaf = s.leaf
left join gatetape.log_entry e on e.leaf = s.leaf
where s.session_id = $1::uuid limit 3)";
constexpr char kListsBytes[] = R"(
select coalesce(sum(octet_length(list)), 0)::bigint from gatetape.heads
where at > $1::timestamptz and at <= $2::timestamptz)";
constexpr char kListWith[] = R"(
select '', timestamptz_send(h.at), h.leaf, h.list, l.leaf_index, coalesce(l.entry, e.entry)
from gatetape.heads h
left join gatetape.log_leaf l on l.leaf = h.leaf
left join gatetape.log_entry e on e.leaf = h.leaf
where h.at > $1::timestamptz and h.at <= $2::timestamptz and position($3::bytea in h.list) > 0
order by h.at desc limit 1)";
constexpr char kNewestList[] = R"(
select timestamptz_send(at) from gatetape.heads order by at desc limit 1)";

// The search for the newest line reads at most this many bytes of lists. A day of ten live sessions
// has 90 MB; what is not searched is said in the verdict, and `verify --all` reads each list once.
constexpr int64_t kSearchBytesMax = int64_t{256} << 20;
// The search goes back from the newest list in spans that double, from one minute up to a day.
constexpr int64_t kSpanMinNs = 60'000'000'000;
constexpr int64_t kSpanMaxNs = 86'400'000'000'000;
// The keys are registered before the first heads entry; no log has so many of them.
constexpr uint64_t kLeavesBeforeHeadsMax = 200;

constexpr int64_t kNsPerUs = 1000;

const HeadsEntry* heads_of(const absl::StatusOr<LogEntry>& entry) {
  return entry.ok() ? std::get_if<HeadsEntry>(&entry->body) : nullptr;
}

bool is_signed_by_one_of(const LogEntry& entry, const std::vector<PublicKey>& keys) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const PublicKey& key) { return entry.verify(key); });
}

std::string state_word(const std::string& state) {
  return state.empty() ? "a line of it" : "its " + state + " line";
}

}  // namespace

LogReader::ListRow LogReader::row_of(DbRow& from) {
  ListRow row;
  row.state = from.text();
  row.at_ns = from.timestamptz_ns();
  row.leaf = from.bytes();
  row.list = from.maybe(&DbRow::bytes);
  row.leaf_index = from.maybe(&DbRow::int8);
  row.entry = from.maybe(&DbRow::bytes);
  return row;
}

absl::StatusOr<std::vector<LogReader::ListRow>> LogReader::query(
    const char* sql, const std::vector<PgParam>& params) {
  const auto rows = db_.query(sql, params);
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, row_of);
}

absl::StatusOr<LoggedSession> LogReader::read(const SessionId& session) {
  LoggedSession logged;
  const auto rows = query(kLines, {PgParam::uuid(session.bytes())});
  if (!rows.ok()) return rows.status();
  for (const ListRow& row : *rows)
    if (absl::Status status = take(row, &logged, session); !status.ok()) return status;
  if (basis_.checked != nullptr) {
    const auto newest = basis_.checked->unclosed.find(session);
    if (newest != basis_.checked->unclosed.end()) logged.newest = newest->second;
    return logged;
  }
  if (!logged.open || logged.close) return logged;
  const absl::Status found = find_newest(session, &logged);
  if (!found.ok()) return found;
  return logged;
}

absl::Status LogReader::take(const ListRow& row, LoggedSession* logged, const SessionId& session) {
  auto line = line_of(row, session, logged);
  if (!line.ok() || !*line) return line.status();
  auto& place = row.state == "close" ? logged->close : logged->open;
  if (place) logged->problem = "two rows of session_heads name " + state_word(row.state);
  place = *line;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LoggedLine>> LogReader::line_of(const ListRow& row,
                                                             const SessionId& session,
                                                             LoggedSession* logged) {
  const auto fail = [&](std::string what) {
    logged->problem = list_name(row.at_ns) + std::move(what);
    return std::optional<LoggedLine>();
  };
  const std::string line = state_word(row.state);
  if (!row.list) return fail(", which is said to have " + line + ", is missing");
  if (!row.entry) return fail(", which is said to have " + line + ", has no entry in the log");
  const absl::StatusOr<LogEntry> entry = LogEntry::parse(*row.entry);
  const HeadsEntry* heads = heads_of(entry);
  const absl::StatusOr<HeadsList> list = HeadsList::parse(*row.list);
  const Hash leaf = merkle_leaf(*row.entry);
  if (heads == nullptr || view(leaf) != row.leaf || !list.ok() || !list->is_of(*heads) ||
      static_cast<int64_t>(heads->time_ns) / kNsPerUs != row.at_ns / kNsPerUs)
    return fail(", which is said to have " + line + ", is not the one of its entry");
  const absl::StatusOr<bool> logged_there = is_logged(row, leaf);
  if (!logged_there.ok()) return logged_there.status();
  if (!*logged_there && !is_signed_by_one_of(*entry, basis_.keys.recorders))
    return fail(" that names it is not in the log, and no trusted recorder signed it");
  const size_t at = list->find(session);
  if (at == list->lines().size()) return fail(" does not have " + line);
  const HeadsLine& found = list->lines()[at];
  const bool is_close = found.state == HeadsLine::State::kClose;
  if ((row.state == "close" && !is_close) ||
      (row.state == "open" && found.state == HeadsLine::State::kLive))
    return fail(" does not have " + line);
  return std::optional<LoggedLine>({found, row.at_ns});
}

absl::StatusOr<bool> LogReader::is_logged(const ListRow& row, const Hash& leaf) {
  if (!row.leaf_index || *row.leaf_index < 0) return false;
  const auto index = static_cast<uint64_t>(*row.leaf_index);
  if (basis_.checked != nullptr && index < basis_.checked->checked_size) return true;
  return contains(index, leaf);
}

absl::StatusOr<bool> LogReader::contains(uint64_t index, const Hash& leaf) {
  const absl::StatusOr<const TreeHead*> tree = newest_tree();
  if (!tree.ok()) return tree.status();
  if (index >= (*tree)->size) return false;
  DbNodeSource nodes(db_);
  const auto proof = inclusion_proof(nodes, index, (*tree)->size);
  if (absl::IsDataLoss(proof.status())) return false;
  if (!proof.ok()) return proof.status();
  return verify_inclusion(leaf, index, **tree, *proof).ok();
}

absl::StatusOr<const TreeHead*> LogReader::newest_tree() {
  if (tree_) return &*tree_;
  const auto stored = newest_checkpoint(db_);
  if (!stored.ok()) return stored.status();
  tree_ = TreeHead{};
  if (*stored) {
    const auto opened = open_checkpoint((*stored)->note, basis_.trust.origin, basis_.trust.keys);
    if (opened.ok()) tree_ = opened->checkpoint.tree;
  }
  return &*tree_;
}

absl::Status LogReader::find_newest(const SessionId& session, LoggedSession* logged) {
  const auto newest = db_.query(kNewestList);
  if (!newest.ok()) return newest.status();
  const auto times = read_rows(*newest, [](DbRow& row) { return row.timestamptz_ns(); });
  if (!times.ok() || times->empty()) return times.status();
  const int64_t oldest = logged->open->at_ns;
  int64_t bytes_left = kSearchBytesMax;
  int64_t span = kSpanMinNs;
  for (int64_t until = times->front(); until > oldest && !logged->newest;) {
    const Span part{std::max(oldest, until - span), until};
    const auto bytes = lists_bytes(part);
    if (!bytes.ok()) return bytes.status();
    bytes_left -= *bytes;
    if (bytes_left < 0) {
      logged->note = absl::StrCat("the heads lists before ", format_utc(until),
                                  " were not searched for it; verify --all reads all");
      return absl::OkStatus();
    }
    const absl::Status found = search(part, session, logged);
    if (!found.ok() || !logged->problem.empty()) return found;
    span = std::min(2 * span, kSpanMaxNs);
    until = part.from_ns;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> LogReader::lists_bytes(const Span& part) {
  const auto rows = db_.query(
      kListsBytes, {PgParam::timestamptz(part.from_ns), PgParam::timestamptz(part.until_ns)});
  if (!rows.ok()) return rows.status();
  const auto bytes = read_rows(*rows, [](DbRow& row) { return row.int8(); });
  if (!bytes.ok()) return bytes.status();
  return bytes->front();
}

absl::Status LogReader::search(const Span& part, const SessionId& session, LoggedSession* logged) {
  const auto rows =
      query(kListWith, {PgParam::timestamptz(part.from_ns), PgParam::timestamptz(part.until_ns),
                        PgParam::bytea(session.to_text())});
  if (!rows.ok() || rows->empty()) return rows.status();
  const auto line = line_of(rows->front(), session, logged);
  if (line.ok()) logged->newest = *line;
  return line.status();
}

absl::StatusOr<std::optional<int64_t>> LogReader::began_ns() {
  if (basis_.checked != nullptr) return basis_.checked->began_ns;
  const auto leaves = read_leaves(db_, 0, kLeavesBeforeHeadsMax);
  if (!leaves.ok()) return leaves.status();
  for (const LogLeaf& leaf : *leaves) {
    const absl::StatusOr<LogEntry> entry = LogEntry::parse(leaf.entry);
    if (const HeadsEntry* heads = heads_of(entry))
      return std::optional<int64_t>(static_cast<int64_t>(heads->time_ns));
  }
  return std::optional<int64_t>();
}

}  // namespace gatetape::auditd
