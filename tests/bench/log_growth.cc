// bench_log: what the log costs a recorder, measured with the real HeadsCore and PgStore on a
// private PostgreSQL. It prints how many bytes per day the tables of the log take, and how much
// longer a commit takes that opens a session. `tools/bench log` runs it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "log/checkpoint.h"
#include "record/batch.h"
#include "recorder/heads_core.h"
#include "recorder/pg_store.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/test_session.h"

namespace gatetape::recorder {
namespace {

constexpr int64_t kS = 1'000'000'000;
constexpr int kSecondsPerDay = 86'400;

// Bench is a fresh database with a recorder's store and lists.
class Bench {
 public:
  Bench() {
    ok(store_.open());
    heads_.begin_run(random_bytes(kRunBytes), 0);
  }

  // advance_all commits one live list: every session has one more frame. Only the list is stored.
  void advance_all(const std::vector<SessionId>& sessions, uint64_t second) {
    std::vector<SessionWrite> writes(sessions.size());
    for (size_t i = 0; i < sessions.size(); i++) {
      writes[i].session = sessions[i];
      writes[i].first_seq = writes[i].last_seq = second + 2;
      writes[i].root = sha256(sessions[i].bytes(), std::to_string(second));
    }
    const Instant now = at(second);
    heads_.on_committed({writes, {}}, now);
    commit({}, now, true);
  }
  // commit returns how long the transaction took, its lists included.
  double commit(absl::Span<const SessionWrite> writes, const Instant& now, bool with_lists) {
    const int64_t begin_ns = system_clock().mono_ns();
    const auto lists =
        with_lists ? heads_.lists_of(writes, now, writes.empty()) : std::vector<SignedList>();
    ok(store_.commit({writes, lists}));
    const int64_t took_ns = system_clock().mono_ns() - begin_ns;
    if (with_lists) heads_.on_committed({writes, lists}, now);
    return static_cast<double>(took_ns) / 1e3;
  }
  // seal does what auditd does with the entries: a leaf of each, and a checkpoint after each.
  void seal() {
    const SigningKey key = SigningKey::generate();
    const Checkpoint checkpoint{"gw1.example.gatetape/log", {31'000'000, Hash{}}, ""};
    const std::string note =
        sign_checkpoint(checkpoint, {checkpoint.origin, NoteKeyType::kEd25519, key}).to_text();
    ok(owner_
           ->execute(
               "insert into gatetape.log_leaf select row_number() over (order by inserted_at) "
               "- 1, leaf, entry, 1 from gatetape.log_entry")
           .status());
    ok(owner_
           ->execute("insert into gatetape.checkpoint select row_number() over (order by leaf), 1, "
                     "now(), 1, $1::bytea from gatetape.log_entry",
                     {PgParam::bytea(note)})
           .status());
  }
  // bytes returns the size of a table with its partitions, indexes and TOAST.
  double bytes(const std::string& table) {
    const auto size = owner_->execute(
        "select pg_total_relation_size(root) + coalesce((select sum(pg_total_relation_size(relid)) "
        "from pg_partition_tree(root) where relid <> root), 0)::bigint from (select ('gatetape.' "
        "|| $1::text)::regclass as root) as the_table",
        {PgParam::text(table)});
    ok(size.status());
    return static_cast<double>(size->int8(0, 0));
  }
  static Instant at(uint64_t second) {
    const int64_t ns = static_cast<int64_t>(second) * kS;
    return {.mono_ns = ns, .wall_ns = system_clock().wall_ns()};
  }

 private:
  static void ok(const absl::Status& status) { CHECK(status.ok(), status); }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<PgConnection> owner_ = PgCluster::shared().connect(database_);
  PgStore store_{PgStoreOptions{PgCluster::shared().conninfo(database_, "gatetape_recorder"), 30}};
  const SigningKey key_ = SigningKey::generate();
  HeadsCore heads_{&key_};
};

// measure_growth writes the lists of so many sessions for so many seconds.
void measure_growth(size_t sessions, uint64_t seconds) {
  constexpr const char* kTables[] = {"heads", "log_entry", "log_leaf", "checkpoint"};
  Bench bench;
  std::vector<SessionId> ids;
  for (size_t i = 0; i < sessions; i++) ids.push_back(SessionId::mint(system_clock().wall_ns()));
  std::vector<double> sizes;
  for (const char* table : kTables) sizes.push_back(-bench.bytes(table));
  const int64_t begin_ns = system_clock().mono_ns();
  for (uint64_t second = 0; second < seconds; second++) bench.advance_all(ids, second);
  const double took_ms = static_cast<double>(system_clock().mono_ns() - begin_ns) / 1e6;
  bench.seal();
  double sum = 0;
  std::printf("| %zu | %ju ", sessions, static_cast<uintmax_t>(seconds));
  for (size_t i = 0; i < sizes.size(); i++) {
    const double per_second = (sizes[i] + bench.bytes(kTables[i])) / static_cast<double>(seconds);
    sum += per_second;
    std::printf("| %.1f ", per_second * kSecondsPerDay / 1e6);
  }
  std::printf("| %.1f | %.2f |\n", sum * kSecondsPerDay / 1e6,
              took_ms / static_cast<double>(seconds));
}

// opening_of returns the commit of a session_open.
SessionWrite opening_of(TestSession* session) {
  const Frame frame = session->open();
  const Event event = *Event::decode(frame.payload);
  SessionWrite write;
  write.session = session->id();
  write.first_seq = write.last_seq = 1;
  write.root = session->root();
  write.batch = encode_batch({frame});
  write.last_kind = frame.kind;
  write.keys = std::make_unique<CommitKeys>(session->keys());
  write.derived.emplace_back();
  write.derived[0].session = derive_session(frame, event);
  write.derived[0].event = derive_event(frame, event);
  return write;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// measure_openings commits openings with and without their list in turns.
void measure_openings() {
  constexpr int kOpenings = 2'000;
  Bench bench;
  std::vector<double> with, without;
  for (int i = 0; i < 2 * kOpenings; i++) {
    TestSession session;
    const SessionWrite write = opening_of(&session);
    const Instant now{.mono_ns = 0, .wall_ns = system_clock().wall_ns()};
    (i % 2 == 0 ? with : without)
        .push_back(bench.commit(absl::MakeConstSpan(&write, 1), now, i % 2 == 0));
  }
  std::printf(
      "A commit that opens a session takes %.0f us with its list and %.0f us without, at the "
      "median of %d each in turns: %.2f times.\n",
      median(with), median(without), kOpenings, median(with) / median(without));
}

void run() {
  std::printf(
      "Megabytes (10^6 bytes) per day while every session advances in every second, with indexes. "
      "Each row is measured for the seconds of its second column and multiplied to a day, with "
      "whole pages of 8 KiB. `heads` holds the lists, which can be pruned. log_leaf and checkpoint "
      "are written as auditd does, with one checkpoint per second without cosignatures. The last "
      "column is the time from the list to its commit, in /dev/shm.\n\n"
      "| sessions | seconds | heads | log_entry | log_leaf | checkpoint | sum | ms per list |\n"
      "|---|---|---|---|---|---|---|---|\n");
  measure_growth(1, 3'600);
  measure_growth(100, 1'200);
  measure_growth(10'000, 120);
  std::printf("\n");
  measure_openings();
}

}  // namespace
}  // namespace gatetape::recorder

int main() { gatetape::recorder::run(); }
