#include "auditd/verify/log_check.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "auditd/verify/log_core.h"
#include "auditd/verify/named_lines.h"
#include "log/checkpoint.h"
#include "log/db/log_rows.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

constexpr char kLeaves[] = R"(
select leaf_index, leaf, entry, epoch from gatetape.log_leaf where leaf_index >= $1::bigint
order by leaf_index limit $2::bigint)";
constexpr char kLeafCount[] = "select count(*) from gatetape.log_leaf";
constexpr char kCheckpoints[] = R"(
select n, size, timestamptz_send(at), epoch, note from gatetape.checkpoint where n > $1::bigint
order by n limit $2::bigint)";
constexpr char kLists[] = R"(
select h.leaf, h.list
from unnest($1::timestamptz[], $2::bytea[]) with ordinality wanted (at, leaf, place)
join gatetape.heads h on h.at = wanted.at and h.leaf = wanted.leaf order by wanted.place)";
constexpr char kNodes[] = R"(
select level, node_index, hash from gatetape.log_node order by level, node_index)";
constexpr char kWaiting[] = R"(
select e.leaf, e.entry, timestamptz_send(e.inserted_at) from gatetape.log_entry e
where not exists (select from gatetape.log_leaf l where l.leaf = e.leaf) order by e.inserted_at)";
constexpr char kListsWithoutEntry[] = R"(
select timestamptz_send(h.at) from gatetape.heads h
where not exists (select from gatetape.log_leaf l where l.leaf = h.leaf)
  and not exists (select from gatetape.log_entry e where e.leaf = h.leaf) order by h.at limit 100)";

// Leaves and checkpoints that are read at once. A page of leaves also bounds the lists that are
// asked for by one statement, which come one after the other.
constexpr int64_t kLeavesAtOnce = 256;
constexpr int64_t kCheckpointsAtOnce = 500;
// An entry gets its place within a second. One that is older than this has been left out.
constexpr int64_t kWaitingMaxNs = 60'000'000'000;

Verdict verdict_of(Verdict::Result result, std::string detail) {
  Verdict verdict;
  verdict.set_result(result);
  verdict.set_detail(std::move(detail));
  return verdict;
}

StoredCheckpoint checkpoint_of(DbRow& row) {
  StoredCheckpoint checkpoint;
  checkpoint.n = row.count();
  checkpoint.size = row.count();
  checkpoint.at_ns = row.timestamptz_ns();
  checkpoint.epoch = row.count();
  checkpoint.note = row.bytes();
  return checkpoint;
}

LogLeaf leaf_of(DbRow& row) {
  LogLeaf leaf;
  leaf.index = row.count();
  leaf.leaf = row.bytes();
  leaf.entry = row.bytes();
  leaf.epoch = row.count();
  return leaf;
}

PgParam int8(uint64_t value) { return PgParam::int8(static_cast<int64_t>(value)); }

class LogCheck {
 public:
  LogCheck(Db& db, const LogTrust& trust, const Clock& clock, int64_t signatures_from_ns)
      : db_(db), trust_(trust), clock_(clock), core_(trust, signatures_from_ns) {}

  absl::StatusOr<LogReport> run() {
    read_published();
    absl::StatusOr<DbTransaction> snapshot = DbTransaction::begin_snapshot(db_);
    if (!snapshot.ok()) return snapshot.status();
    using Step = absl::Status (LogCheck::*)();
    for (const Step step : {&LogCheck::walk, &LogCheck::compare_named, &LogCheck::compare_nodes,
                            &LogCheck::read_waiting, &LogCheck::read_lists_without_entry})
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    core_.finish();
    return report();
  }

 private:
  // A heads entry of the page, whose list is to be read.
  struct Wanted {
    uint64_t index = 0;
    std::string leaf;
    HeadsEntry heads;
  };

  // The file is read before the snapshot, which holds at least what was published then.
  void read_published() {
    if (trust_.publish_dir.empty()) return;
    const std::string path = trust_.publish_dir + "/checkpoint";
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (!file.is_open()) return;
    const auto opened = open_checkpoint(text, trust_.origin, trust_.keys);
    if (opened.ok())
      core_.expect_published(opened->checkpoint.tree);
    else
      core_.report(path + " is not a checkpoint that a log key signed");
    is_published_ = true;
  }

  absl::Status walk() {
    const auto newest = newest_checkpoint(db_);
    if (!newest.ok()) return newest.status();
    if (*newest) core_.expect_newest((*newest)->n);
    while (true) {
      const auto rows = db_.query(kLeaves, {int8(core_.position()), PgParam::int8(kLeavesAtOnce)});
      if (!rows.ok()) return rows.status();
      const auto leaves = read_rows(*rows, leaf_of);
      if (!leaves.ok()) return leaves.status();
      if (absl::Status status = take_page(*leaves); !status.ok()) return status;
      walked_ += leaves->size();
      if (leaves->size() < kLeavesAtOnce) break;
    }
    if (absl::Status status = count_leaves(); !status.ok()) return status;
    return take_checkpoints(UINT64_MAX);
  }

  // A row whose index comes twice, or is negative, is passed over by the walk.
  absl::Status count_leaves() {
    const auto rows = db_.query(kLeafCount);
    if (!rows.ok()) return rows.status();
    const auto stored = read_rows(*rows, [](DbRow& row) { return row.count(); });
    if (!stored.ok()) return stored.status();
    if (stored->front() != walked_)
      core_.report(absl::StrCat("log_leaf has ", stored->front(), " rows, but the log has ",
                                walked_, " leaves"));
    return absl::OkStatus();
  }

  absl::Status take_page(const std::vector<LogLeaf>& leaves) {
    std::vector<Wanted> wanted;
    for (const LogLeaf& leaf : leaves) {
      if (absl::Status status = take_checkpoints(core_.position()); !status.ok()) return status;
      if (const auto heads = core_.add_leaf(leaf))
        wanted.push_back({leaf.index, leaf.leaf, *heads});
    }
    return take_lists(wanted);
  }

  // take_checkpoints compares the checkpoints of at most `size` leaves.
  absl::Status take_checkpoints(uint64_t size) {
    while (true) {
      if (next_checkpoint_ == checkpoints_.size()) {
        if (no_more_checkpoints_) return absl::OkStatus();
        if (absl::Status status = read_checkpoints(); !status.ok()) return status;
        continue;
      }
      if (checkpoints_[next_checkpoint_].size > size) return absl::OkStatus();
      core_.add_checkpoint(checkpoints_[next_checkpoint_++]);
    }
  }

  absl::Status read_checkpoints() {
    const uint64_t after = checkpoints_.empty() ? 0 : checkpoints_.back().n;
    const auto rows = db_.query(kCheckpoints, {int8(after), PgParam::int8(kCheckpointsAtOnce)});
    if (!rows.ok()) return rows.status();
    auto page = read_rows(*rows, checkpoint_of);
    if (!page.ok()) return page.status();
    no_more_checkpoints_ = page->size() < kCheckpointsAtOnce;
    checkpoints_ = *std::move(page);
    next_checkpoint_ = 0;
    return absl::OkStatus();
  }

  // The lists come in the order of the leaves, so that the newest line of a session comes last.
  absl::Status take_lists(const std::vector<Wanted>& wanted) {
    PgArray times(PgArray::Element::kTimestamptz), leaves(PgArray::Element::kBytea);
    for (const Wanted& entry : wanted) {
      times.add(PgParam::timestamptz(static_cast<int64_t>(entry.heads.time_ns)));
      leaves.add(PgParam::bytea(entry.leaf));
    }
    auto next = wanted.begin();
    const auto skip_to = [&](const std::string& leaf) {
      for (; next != wanted.end() && next->leaf != leaf; ++next)
        core_.add_list(next->index, next->heads, std::nullopt);
    };
    const absl::Status status =
        db_.for_each(kLists, {times.finish(), leaves.finish()}, [&](DbRow& row) {
          skip_to(row.bytes());
          const std::string list = row.bytes();
          if (next != wanted.end()) take_list(*next++, list);
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    skip_to("");
    return named_.is_full() ? named_.compare(db_) : absl::OkStatus();
  }

  void take_list(const Wanted& entry, const std::string& text) {
    const auto list = core_.add_list(entry.index, entry.heads, text);
    if (!list) return;
    named_.add(*list, static_cast<int64_t>(entry.heads.time_ns), entry.leaf);
  }

  absl::Status compare_named() { return named_.compare(db_); }

  absl::Status compare_nodes() {
    if (core_.is_broken()) return absl::OkStatus();
    return db_.for_each(kNodes, {}, [&](DbRow& row) {
      const int64_t level = row.int8(), index = row.int8();
      std::string wrong = core_.tree().check_node(level, index, row.bytes());
      if (!wrong.empty()) core_.report(std::move(wrong));
      return absl::OkStatus();
    });
  }

  absl::Status read_waiting() {
    return db_.for_each(kWaiting, {}, [&](DbRow& row) {
      const std::string leaf = row.bytes(), entry = row.bytes();
      take_waiting(leaf, entry, row.timestamptz_ns());
      return absl::OkStatus();
    });
  }

  void take_waiting(const std::string& leaf, const std::string& text, int64_t inserted_ns) {
    const int64_t age_ns = clock_.wall_ns() - inserted_ns;
    if (age_ns >= -kWaitingMaxNs && age_ns <= kWaitingMaxNs) return;
    std::string wrong = core_.waiting(leaf, text);
    if (!wrong.empty())
      return core_.report(
          absl::StrCat("a row of log_entry of ", format_utc(inserted_ns), " ", wrong));
    if (waiting_++ == 0) waiting_since_ns_ = inserted_ns;
  }

  absl::Status read_lists_without_entry() {
    const auto rows = db_.query(kListsWithoutEntry);
    if (!rows.ok()) return rows.status();
    const auto times = read_rows(*rows, [](DbRow& row) { return row.timestamptz_ns(); });
    if (!times.ok()) return times.status();
    for (const int64_t at_ns : *times) core_.report(list_name(at_ns) + " has no entry in the log");
    return absl::OkStatus();
  }

  LogReport report() {
    LogReport report{named_.take_verdicts(), core_.state()};
    for (const std::string& finding : core_.findings())
      report.verdicts.push_back(verdict_of(Verdict::RESULT_TAMPERED, finding));
    if (waiting_ > 0)
      report.verdicts.push_back(
          verdict_of(Verdict::RESULT_UNSIGNED,
                     absl::StrCat(waiting_, waiting_ == 1 ? " entry waits" : " entries wait",
                                  " for a place in the log, the oldest since ",
                                  format_utc(waiting_since_ns_))));
    if (core_.position() == 0 && !is_published_)
      report.verdicts.push_back(verdict_of(
          Verdict::RESULT_UNSIGNED, "the log is empty: it does not prove that none is missing"));
    return report;
  }

  Db& db_;
  const LogTrust& trust_;
  const Clock& clock_;
  LogCore core_;
  bool is_published_ = false;
  uint64_t walked_ = 0;                        // rows of log_leaf that were read
  std::vector<StoredCheckpoint> checkpoints_;  // the page that is read
  size_t next_checkpoint_ = 0;
  bool no_more_checkpoints_ = false;
  NamedLines named_;
  uint64_t waiting_ = 0;
  int64_t waiting_since_ns_ = 0;
};

}  // namespace

absl::StatusOr<LogReport> check_log(Db& db, const LogTrust& trust, const Clock& clock,
                                    int64_t signatures_from_ns) {
  return LogCheck(db, trust, clock, signatures_from_ns).run();
}

}  // namespace gatetape::auditd
