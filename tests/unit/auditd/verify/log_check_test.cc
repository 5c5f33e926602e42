// What is done to the tables of the log, and what the check of the whole log says of it.
#include "auditd/verify/log_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/pg_cluster.h"
#include "tests/support/stored_log.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;
using State = HeadsLine::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'900'000'000 * kSecond;

class HeldClock : public Clock {
 public:
  int64_t wall_ns() const override { return now_ns; }
  int64_t mono_ns() const override { return now_ns; }
  int64_t now_ns = kNow;
};

// Leaves: 0 start, 1 key, 2 open of the session, 3 live, 4 close, each list under a checkpoint.
class LogCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string database = PgCluster::shared().create_record();
    owner_ = PgCluster::shared().connect(database);
    reader_ = PgCluster::shared().open(database, "gatetape_auditd");
    log_ = std::make_unique<StoredLog>(*owner_, recorder_);
    log_->begin(kNow - 3600 * kSecond);
    session_ = make_session(SessionId::mint(0), "alice", "db1", "10.0.0.1:1", kNow - 600 * kSecond);
    store(*owner_, session_);
    add_list(State::kOpen, 600);
    add_list(State::kLive, 500);
    add_list(State::kClose, 400);
  }
  void add_list(State state, int64_t ago_s) {
    session_.add(FrameKind::kNotice, 0, Event{{"text", "x"}});
    store(*owner_, session_);
    log_->store_list({line_of(session_, state)}, kNow - ago_s * kSecond);
    log_->seal();
  }
  void tamper(const std::string& sql) {
    const auto done = owner_->execute(sql);
    ASSERT_TRUE(done.ok()) << done.status();
  }
  // verdicts returns the details of the check, those of findings without the word tampered.
  std::vector<std::string> verdicts(int64_t signatures_from_ns = 0) {
    trust_.origin = StoredLog::kOrigin;
    trust_.keys = {log_->vkey()};
    auto report = check_log(*reader_, trust_, clock_, signatures_from_ns);
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return {};
    std::vector<std::string> lines;
    for (const Verdict& verdict : report->verdicts)
      lines.push_back((verdict.result() == Verdict::RESULT_TAMPERED ? "" : "unsigned: ") +
                      verdict.detail());
    state_ = report->state;
    return lines;
  }
  void publish(const std::string& note) {
    trust_.publish_dir = testing::TempDir() + "/published";
    std::filesystem::create_directories(trust_.publish_dir);
    std::ofstream(trust_.publish_dir + "/checkpoint") << note;
  }

  HeldClock clock_;
  LogTrust trust_;
  LogState state_;
  SigningKey recorder_ = SigningKey::generate();
  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Db> reader_;
  std::unique_ptr<StoredLog> log_;
  StoredSession session_;
};

TEST_F(LogCheckTest, an_untouched_log_has_no_findings) {
  publish(StoredLog::note_of(log_->log_key, log_->tree.head(4)));
  log_->store_checkpoint(log_->log_key, log_->tree.head());  // again, in an idle minute
  EXPECT_THAT(verdicts(), IsEmpty());
  EXPECT_EQ(state_.checked_size, 5u);
  EXPECT_EQ(state_.began_ns, kNow - 600 * kSecond);
  EXPECT_TRUE(state_.unclosed.empty());
}

TEST_F(LogCheckTest, the_newest_line_of_each_session_without_a_close_line_is_kept) {
  StoredSession other = make_session(SessionId::mint(0), "bob", "db1", "10.0.0.1:1", kNow);
  for (const State state : {State::kOpen, State::kLive, State::kLive}) {
    other.add(FrameKind::kNotice, 0, Event{{"text", "x"}});
    store(*owner_, other);
    log_->store_list({line_of(other, state)}, kNow - 100 * kSecond + static_cast<int64_t>(log_->n));
  }
  log_->seal();
  EXPECT_THAT(verdicts(), IsEmpty());
  ASSERT_EQ(state_.unclosed.size(), 1u);
  EXPECT_EQ(state_.unclosed.at(other.id).line, line_of(other, State::kLive));
}

TEST_F(LogCheckTest, a_long_log_has_nodes_which_are_compared) {
  for (int i = 0; i < 300; i++) {
    session_.add(FrameKind::kNotice, 0, Event{{"text", "x"}});
    store(*owner_, session_);
    log_->store_list({line_of(session_, State::kLive)}, kNow - 300 * kSecond + i);
  }
  log_->seal();
  EXPECT_THAT(verdicts(), IsEmpty());
  tamper("set session_replication_role = replica");
  tamper("update gatetape.log_node set hash = set_byte(hash, 0, get_byte(hash, 0) # 1)");
  EXPECT_THAT(verdicts(),
              ElementsAre("node 0 of level 1 in log_node is not the root of its leaves"));
  tamper("delete from gatetape.log_node");
  EXPECT_THAT(verdicts(), ElementsAre("node 0 of level 1 in log_node is missing"));
}

TEST_F(LogCheckTest, an_empty_log_proves_nothing) {
  tamper("set session_replication_role = replica");
  for (const char* table : {"log_leaf", "log_entry", "heads", "checkpoint", "session_heads"})
    tamper(std::string("delete from gatetape.") + table);
  EXPECT_THAT(verdicts(), ElementsAre(HasSubstr("unsigned: the log is empty")));
  publish(StoredLog::note_of(log_->log_key, log_->tree.head()));
  EXPECT_THAT(verdicts(), ElementsAre("the database is behind the published checkpoint: it has 0 "
                                      "leaves of the log, and 5 were published"));
}

// Each row is what a superuser of the database does, and what the check says of it.
struct Change {
  const char* name;
  const char* sql;
  std::vector<const char*> says;
};
const Change kChanges[] = {
    {"a leaf is dropped",
     "delete from gatetape.log_leaf where leaf_index = 3",
     {"leaf 3 of the log is missing", "heads list 2 of run "}},
    {"leaves are renumbered",
     "update gatetape.log_leaf set leaf_index = 9 where leaf_index = 3; "
     "update gatetape.log_leaf set leaf_index = 3 where leaf_index = 4; "
     "update gatetape.log_leaf set leaf_index = 4 where leaf_index = 9",
     {"leaf 3 of the log is not what checkpoint 3 signed"}},
    {"the newest leaf is dropped",
     "delete from gatetape.log_leaf where leaf_index = 4",
     {"leaf 4 of the log is missing from the end; checkpoint 4 is of 5 leaves"}},
    {"an entry is altered",
     "update gatetape.log_leaf set entry = set_byte(entry, 60, 120) where leaf_index = 3",
     {"leaf 3 of the log has another hash than its entry", "leaf 3 of the log is no entry of a log",
      "leaf 3 of the log is not what checkpoint 3 signed"}},
    {"a leaf is put before the first",
     "alter table gatetape.log_leaf drop constraint log_leaf_sizes; "
     "insert into gatetape.log_leaf values (-1, sha256('x'), 'x', 1)",
     {"log_leaf has 6 rows, but the log has 5 leaves"}},
    {"an epoch shrinks",
     "update gatetape.log_leaf set epoch = 2 where leaf_index = 3",
     {"leaf 3 of the log is of epoch 2, but the newest start is of epoch 1"}},
    {"a checkpoint is dropped",
     "delete from gatetape.checkpoint where n = 2",
     {"checkpoint 2 is missing"}},
    {"a checkpoint says less",
     "update gatetape.checkpoint set size = 2 where n = 4",
     {"checkpoint 4 is not one that a log key signed"}},
    {"a checkpoint is another's",
     "update gatetape.checkpoint set note = 'x' where n = 4",
     {"checkpoint 4 is not one that a log key signed",
      "leaf 4 of the log is in no checkpoint that a log key signed"}},
    {"an older checkpoint comes again",
     "insert into gatetape.checkpoint (n, size, epoch, note) select 5, size, epoch, note "
     "from gatetape.checkpoint where n = 2",
     {"checkpoint 5 is of 3 leaves, the one before of 5"}},
    {"a list is deleted",
     "delete from gatetape.heads where at < now() + '100 years' and leaf = "
     "(select leaf from gatetape.log_leaf where leaf_index = 3)",
     {"the heads list of 2030-03-17T17:38:20.000Z of leaf 3 is missing"}},
    {"a list is replaced",
     "update gatetape.heads set list = (select list from gatetape.heads order by at limit 1) "
     "where leaf = (select leaf from gatetape.log_leaf where leaf_index = 3)",
     {"the heads list of 2030-03-17T17:38:20.000Z is not the one of its entry, leaf 3"}},
    {"a row of session_heads is deleted",
     "delete from gatetape.session_heads where state = 'open'",
     {"no row of session_heads names the heads list of 2030-03-17T17:36:40.000Z, which has its "
      "open line"}},
    {"a session goes with every row that names it",
     "delete from gatetape.session_heads; delete from gatetape.frames; "
     "delete from gatetape.session",
     {"it is not stored, but the log has its open line of 2030-03-17T17:36:40.000Z",
      "it is not stored, but the log has its close line of 2030-03-17T17:40:00.000Z"}},
    {"a list has no entry",
     "insert into gatetape.heads select at, sha256('x'), list from gatetape.heads limit 1",
     {"has no entry in the log"}},
    {"an entry is no entry",
     "insert into gatetape.log_entry values (sha256('\\x00' || 'x'::bytea), 'x', "
     "to_timestamp(1))",
     {"a row of log_entry of 1970-01-01T00:00:01.000Z is no entry of a log"}},
};

TEST_F(LogCheckTest, each_change_of_the_log_is_named) {
  for (const Change& row : kChanges) {
    SetUp();
    tamper("set session_replication_role = replica");
    std::string sql = row.sql;
    for (size_t at = sql.find("; "); at != std::string::npos; at = sql.find("; ")) {
      tamper(sql.substr(0, at));
      sql = sql.substr(at + 2);
    }
    tamper(sql);
    const std::vector<std::string> lines = verdicts();
    for (const char* says : row.says)
      EXPECT_THAT(lines, testing::Contains(HasSubstr(says))) << row.name;
    EXPECT_LE(lines.size(), row.says.size() + 1) << row.name << testing::PrintToString(lines);
  }
}

TEST_F(LogCheckTest, an_entry_of_a_recorder_that_is_not_registered_is_named) {
  log_->store_list({line_of(session_, State::kLive)}, kNow - 100 * kSecond, SigningKey::generate());
  EXPECT_THAT(verdicts(), ElementsAre(HasSubstr("which the log has not registered as a recorder")));
  log_->seal();  // by a sequencer that lies
  EXPECT_THAT(verdicts(), testing::Contains(HasSubstr("which the log has not registered")));
}

TEST_F(LogCheckTest, a_key_that_no_log_key_registered_signs_nothing) {
  const SigningKey own = SigningKey::generate();
  const std::string entry =
      LogEntry::signed_by(own, KeyEntry{.role = "recorder", .key = own.public_key(), .time_ns = 1})
          .to_text();
  log_->store_entry(entry, kNow - 100 * kSecond);
  EXPECT_THAT(verdicts(), ElementsAre(HasSubstr("which is no log key")));
  log_->add_leaf(entry);
  EXPECT_THAT(verdicts(), ElementsAre(HasSubstr("which is no log key"),
                                      HasSubstr("leaf 5 of the log is in no checkpoint")));
}

TEST_F(LogCheckTest, an_entry_that_was_deleted_before_it_got_its_place_is_a_hole) {
  log_->store_list({line_of(session_, State::kLive)}, kNow - 100 * kSecond);
  tamper("set session_replication_role = replica");
  tamper(
      "delete from gatetape.log_entry where inserted_at >= (select max(inserted_at) from "
      "gatetape.log_entry)");
  tamper("delete from gatetape.heads where at >= (select max(at) from gatetape.heads)");
  log_->unsealed.clear();
  EXPECT_THAT(verdicts(), IsEmpty()) << "nothing came after it";
  log_->store_list({line_of(session_, State::kLive)}, kNow - 99 * kSecond);
  log_->seal();
  EXPECT_THAT(verdicts(), ElementsAre(HasSubstr("heads list 4 of run ")));
}

TEST_F(LogCheckTest, an_entry_that_waits_for_long_is_no_change_but_is_named) {
  log_->store_list({line_of(session_, State::kLive)}, kNow - 61 * kSecond);
  EXPECT_THAT(
      verdicts(),
      ElementsAre(HasSubstr(
          "unsigned: 1 entry waits for a place in the log, the oldest since 2030-03-17T17:45:39")));
  clock_.now_ns = kNow - 30 * kSecond;
  EXPECT_THAT(verdicts(), IsEmpty());
}

TEST_F(LogCheckTest, two_sequencers_of_one_epoch_are_named) {
  log_->add_leaf(LogEntry::signed_by(log_->log_key, StartEntry{1, 1}).to_text());
  log_->seal();
  EXPECT_THAT(verdicts(), testing::Contains(HasSubstr("starts epoch 1 after epoch 1")));
}

TEST_F(LogCheckTest, a_restored_dump_is_behind_or_beside_what_was_published) {
  StoredLog other = *log_;
  log_->store_list({line_of(session_, State::kLive)}, kNow - 100 * kSecond);
  log_->seal();
  publish(StoredLog::note_of(log_->log_key, log_->tree.head()));
  EXPECT_THAT(verdicts(), IsEmpty());
  tamper("set session_replication_role = replica");
  tamper("delete from gatetape.log_leaf where leaf_index = 5");
  tamper(
      "delete from gatetape.log_entry where inserted_at >= (select max(inserted_at) from "
      "gatetape.log_entry)");
  tamper("delete from gatetape.heads where at >= (select max(at) from gatetape.heads)");
  tamper("delete from gatetape.checkpoint where n = 5");
  EXPECT_THAT(verdicts(),
              ElementsAre("the database is behind the published checkpoint: it has 5 leaves of the "
                          "log, and 6 were published"));
  other.run = random_bytes(kRunBytes);
  other.n = 0;
  other.store_list({line_of(session_, State::kLive)}, kNow - 90 * kSecond);
  other.seal();
  EXPECT_THAT(verdicts(), ElementsAre("the log is another one than the published checkpoint of 6 "
                                      "leaves says"));
}

TEST_F(LogCheckTest, older_signatures_are_not_verified_but_the_tree_is) {
  log_->store_checkpoint(SigningKey::generate(), log_->tree.head());
  log_->store_checkpoint(log_->log_key, log_->tree.head());
  tamper("set session_replication_role = replica");
  tamper("update gatetape.checkpoint set at = to_timestamp(n)");
  EXPECT_THAT(verdicts(kNow), IsEmpty());
  EXPECT_EQ(state_.checked_size, 5u) << "the newest one is always verified";
  EXPECT_THAT(verdicts(), ElementsAre("checkpoint 5 is not one that a log key signed"));
  tamper("update gatetape.log_leaf set entry = set_byte(entry, 60, 120) where leaf_index = 3");
  EXPECT_THAT(verdicts(kNow),
              testing::Contains("leaf 3 of the log is not what checkpoint 3 signed"));
}

TEST_F(LogCheckTest, lists_that_were_pruned_are_not_missed) {
  const auto prune = [&](uint64_t first, uint64_t last, uint64_t count) {
    log_->unsealed.push_back(
        LogEntry::signed_by(recorder_, PrunedEntry{first, last, count, 1}).to_text());
    log_->seal();
  };
  prune(3, 3, 1);
  EXPECT_THAT(verdicts(), ElementsAre("of the heads lists of the leaves 3 to 3, 1 were pruned, but "
                                      "0 are missing"));
  tamper("set session_replication_role = replica");
  tamper(
      "delete from gatetape.heads where leaf = (select leaf from gatetape.log_leaf where "
      "leaf_index = 3)");
  EXPECT_THAT(verdicts(), IsEmpty());
  tamper("delete from gatetape.heads");
  EXPECT_THAT(verdicts(), ElementsAre(HasSubstr("of leaf 2 is missing"),
                                      "the heads list of leaf 4 is missing"));
}

}  // namespace
}  // namespace gatetape::auditd
