// The sequencer on a real PostgreSQL: two of them, a lock that is lost, and what is stored.
#include "auditd/seal/pg_seal_store.h"

#include <gmock/gmock.h>

#include "auditd/seal/publisher.h"
#include "tests/support/pg_cluster.h"
#include "tests/unit/auditd/seal/seal_fixture.h"

namespace gatetape::auditd {
namespace {

using State = SequencerCore::State;
using testing::HasSubstr;

class PgSealStoreTest : public testing::Test {
 protected:
  // Sequencer is one auditd.
  struct Sequencer {
    explicit Sequencer(PgSealStoreTest& test)
        : store(PgCluster::shared().conninfo(test.database_, "gatetape_sealer")),
          core({.store = store,
                .publication = test.publication_,
                .signer = test.signer_,
                .keys = {{"recorder", test.recorder_.public_key()}},
                .judge = EntryJudge({test.recorder_.public_key()})}) {}
    PgSealStore store;
    SequencerCore core;
  };
  void step(Sequencer& sequencer) {
    now_ns_ += 2 * kSecond;
    sequencer.core.step({.wall_ns = now_ns_, .mono_ns = now_ns_});
  }
  void insert(const std::string& entry) {
    const auto stored =
        owner_->query("insert into gatetape.log_entry (leaf, entry) values ($1::bytea, $2::bytea)",
                      {PgParam::bytea(view(merkle_leaf(entry))), PgParam::bytea(entry)});
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  int64_t number(const std::string& sql) {
    const auto rows = owner_->query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status();
    DbRow row = rows->row(0);
    return row.int8();
  }
  // end_backends ends the connections of the sealers, as the server does with one that is silent.
  void end_backends() {
    ASSERT_TRUE(owner_
                    ->query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where "
                            "usename = 'gatetape_sealer' and datname = current_database()")
                    .ok());
  }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<Db> owner_ = PgCluster::shared().open(database_);
  NoteSigner signer_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  SigningKey recorder_ = SigningKey::generate();
  MemoryPublication publication_;
  int64_t now_ns_ = kStart;
};

TEST_F(PgSealStoreTest, leaves_nodes_and_checkpoint_are_one_tree) {
  Sequencer one(*this);
  step(one);
  ASSERT_EQ(one.core.state(), State::kSealing) << one.core.reason();
  for (uint64_t n = 1; n <= 600; n++) insert(heads_entry(recorder_, 'a', n));
  step(one);
  ASSERT_EQ(one.core.state(), State::kSealing) << one.core.reason();
  MemoryTree tree;
  const auto leaves = one.store.read_leaves(0, 1000);
  ASSERT_EQ(leaves->size(), 602u);
  for (const LogLeaf& leaf : *leaves) tree.append(leaf.entry);
  EXPECT_EQ(one.core.newest()->tree, tree.head());
  EXPECT_EQ(number("select count(*) from gatetape.log_node"), 2);
  DbNodeSource source(*owner_);
  EXPECT_EQ(source.node(8, 0).value(), *tree.node(8, 0));
  EXPECT_EQ(source.node(8, 1).value(), *tree.node(8, 1));
  const auto log = one.store.read_log();
  ASSERT_TRUE(log.ok() && log->newest) << log.status();
  EXPECT_EQ(log->size, 602u);
  EXPECT_EQ(log->newest->n, 2u);
  EXPECT_EQ(log->newest->note, one.core.newest()->note.to_text());
  EXPECT_EQ(one.store.read_key_entries()->size(), 1u);
  EXPECT_TRUE(one.store.waiting({})->empty());
}

TEST_F(PgSealStoreTest, a_second_sequencer_takes_over_when_the_first_one_is_gone) {
  auto first = std::make_unique<Sequencer>(*this);
  Sequencer second(*this);
  step(*first);
  step(second);
  EXPECT_EQ(first->core.state(), State::kSealing);
  EXPECT_EQ(second.core.state(), State::kWaiting) << second.core.reason();
  insert(heads_entry(recorder_, 'a', 1));
  step(second);
  EXPECT_GT(second.core.oldest_waiting_ns(), 0);
  EXPECT_EQ(number("select count(*) from gatetape.log_leaf"), 2);
  first = nullptr;
  while (second.core.state() == State::kWaiting) step(second);  // the server ends the session soon
  EXPECT_EQ(second.core.state(), State::kSealing) << second.core.reason();
  EXPECT_EQ(second.core.epoch(), 2u);
  step(second);
  EXPECT_EQ(number("select count(*) from gatetape.log_leaf"), 4);
}

TEST_F(PgSealStoreTest, a_sequencer_that_lost_its_lock_stores_nothing) {
  Sequencer first(*this), second(*this);
  step(first);
  end_backends();
  step(second);
  EXPECT_EQ(second.core.epoch(), 2u);
  insert(heads_entry(recorder_, 'a', 1));
  step(first);
  EXPECT_NE(first.core.state(), State::kSealing);
  EXPECT_EQ(number("select count(*) from gatetape.log_leaf where epoch = 1"), 2);
}

TEST_F(PgSealStoreTest, the_primary_keys_fence_a_sequencer_without_a_lock) {
  Sequencer first(*this);
  step(first);
  // Another one appends although the first still has the lock.
  const std::string entry = LogEntry::signed_by(signer_.key, StartEntry{2, 1}).to_text();
  ASSERT_TRUE(owner_
                  ->query("insert into gatetape.log_leaf values (2, $1::bytea, $2::bytea, 2)",
                          {PgParam::bytea(view(merkle_leaf(entry))), PgParam::bytea(entry)})
                  .ok());
  insert(heads_entry(recorder_, 'a', 1));
  step(first);
  EXPECT_EQ(first.core.state(), State::kClosed);
  EXPECT_THAT(first.core.reason(), HasSubstr("log_leaf_fences_one_sequencer"));
  EXPECT_EQ(first.core.take_notices()[1].event, std::string("log_epoch_lost"));
  EXPECT_EQ(number("select count(*) from gatetape.checkpoint"), 1) << "all or nothing";
}

TEST_F(PgSealStoreTest, a_commit_with_a_warning_is_in_doubt) {
  Sequencer one(*this);
  step(one);
  ASSERT_TRUE(owner_
                  ->run_script("create function warn() returns trigger language plpgsql as $$ "
                               "begin raise warning 'standby'; return null; end $$;"
                               "create constraint trigger t after insert on gatetape.checkpoint "
                               "deferrable initially deferred for each row execute function warn()")
                  .ok());
  insert(heads_entry(recorder_, 'a', 1));
  const uint64_t n = one.core.newest()->n;
  step(one);
  EXPECT_EQ(one.core.state(), State::kClosed);
  EXPECT_EQ(one.core.newest()->n, n) << "nothing of it leaves the process";
  ASSERT_TRUE(owner_->run_script("drop trigger t on gatetape.checkpoint").ok());
  while (one.core.state() != State::kSealing) step(one);
  EXPECT_EQ(one.core.epoch(), 2u);
  EXPECT_EQ(number("select count(*) from gatetape.log_leaf"), 4) << "the entry has one place";
}

TEST_F(PgSealStoreTest, late_rows_and_forged_rows) {
  Sequencer one(*this);
  step(one);
  insert(heads_entry(SigningKey::generate(), 'a', 1));
  insert("nonsense");
  insert(heads_entry(recorder_, 'a', 1));
  ASSERT_TRUE(owner_
                  ->run_script("set session_replication_role = replica; update gatetape.log_entry "
                               "set inserted_at = now() - interval '3 days'")
                  .ok());
  step(one);
  step(one);
  EXPECT_EQ(number("select count(*) from gatetape.log_leaf"), 3);
  EXPECT_EQ(one.core.refused_entries(), 2u);
  const auto waiting = one.store.waiting({.from_ns = 0});
  ASSERT_EQ(waiting->size(), 2u);
  EXPECT_NEAR(static_cast<double>(waiting->front().age_ns), 3 * 86400e9, 60e9);
  const auto page = one.store.waiting({.from_ns = 0, .to_ns = 1});
  EXPECT_TRUE(page->empty());
  const auto oldest = one.store.older({}, 10);
  ASSERT_TRUE(oldest.ok() && oldest->has_value()) << oldest.status();
  EXPECT_FALSE(one.store.older(**oldest, 10)->has_value());
}

}  // namespace
}  // namespace gatetape::auditd
