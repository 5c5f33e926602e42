// Which settings of PostgreSQL the recorder refuses, and which it sets itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/db/durability.h"
#include "tests/support/pg_cluster.h"
#include "tests/unit/recorder/store_fixture.h"

namespace gatetape::recorder {
namespace {

class DurableStore : public StoreTest {
 protected:
  void TearDown() override {
    for (const char* name : {"fsync", "full_page_writes"}) set(name, "on");
  }
  void run(const std::string& script) {
    const absl::Status ran = PgCluster::shared().open(database_)->run_script(script);
    ASSERT_TRUE(ran.ok()) << ran << "\n" << script;
  }
  // set changes a setting of the cluster and waits until new connections have it.
  void set(const std::string& name, const std::string& value) {
    run(absl::StrCat("alter system set ", name, " = ", value));
    run("select pg_reload_conf()");
    const auto now = [&] {
      return PgCluster::shared()
          .connect(database_)
          ->execute("select current_setting($1::text)", {PgParam::text(name)})
          ->text(0, 0);
    };
    while (now() != (value == "''" ? "" : value)) {
    }
  }
  std::string conninfo() const {
    return PgCluster::shared().conninfo(database_, "gatetape_recorder");
  }
};

TEST_F(DurableStore, a_store_whose_commits_may_be_lost_is_refused) {
  for (const std::string name : {"fsync", "full_page_writes"}) {
    SCOPED_TRACE(name);
    set(name, "off");
    const absl::Status refused = store_.open();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.message()),
                testing::StartsWith(name + " of PostgreSQL is off"));
    set(name, "on");
    EXPECT_TRUE(store_.open().ok());
  }
}

TEST_F(DurableStore, a_setting_that_changes_below_an_open_connection_fails_the_commit) {
  for (const std::string name : {"fsync", "full_page_writes"}) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(store_.open().ok());
    set(name, "off");
    TestSession session;
    EXPECT_EQ(commit(write_of(session, {session.open()})).code(),
              absl::StatusCode::kFailedPrecondition);
    set(name, "on");
    ASSERT_TRUE(store_.open().ok());
    EXPECT_EQ(tail_of(session).last_seq, 0u);
    set(name, "off");
    EXPECT_EQ(store_.keep_up().code(), absl::StatusCode::kFailedPrecondition);
    set(name, "on");
    ASSERT_TRUE(store_.open().ok());
    EXPECT_TRUE(store_.keep_up().ok());
  }
}

TEST_F(DurableStore, frames_are_not_found_durable_while_a_commit_may_be_lost) {
  set("fsync", "off");
  EXPECT_EQ(store_.read_tails({session_.id()}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(DurableStore, a_trigger_that_sets_synchronous_commit_fails_the_commit) {
  run("create function public.hurry() returns trigger language plpgsql as $$ begin perform "
      "set_config('synchronous_commit', 'off', true); return new; end $$; create trigger hurry "
      "before insert on gatetape.frames for each row execute function public.hurry()");
  EXPECT_EQ(commit(write_of(session_, {session_.open()})).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(number("select count(*) from gatetape.frames"), 0);
}

TEST_F(DurableStore, settings_of_the_role_and_the_cluster_do_not_reach_an_open_connection) {
  run("alter role gatetape_recorder set synchronous_commit = off");
  set("synchronous_commit", "off");
  EXPECT_TRUE(commit(write_of(session_, {session_.open()})).ok());
  run("alter role gatetape_recorder reset synchronous_commit");
  set("synchronous_commit", "on");
}

// The transaction itself says how it waits for its commit.
TEST_F(DurableStore, the_recorder_sets_how_its_commits_wait) {
  run(absl::StrCat("alter role gatetape_recorder in database ", database_,
                   " set synchronous_commit = off"));
  run("create table public.seen (value text); create function public.see() returns trigger "
      "language plpgsql security definer as $$ begin insert into public.seen values "
      "(current_setting('synchronous_commit')); return new; end $$; create trigger see before "
      "insert on gatetape.frames for each row execute function public.see()");
  for (const std::string value : {"on", "remote_apply", "local"}) {
    SCOPED_TRACE(value);
    PgStore store({.conninfo = conninfo() + " options='-c synchronous_commit=off'",
                   .timeout_s = 5,
                   .synchronous_commit = value});
    const absl::Status opened = store.open();
    ASSERT_TRUE(opened.ok()) << opened;
    TestSession session;
    const SessionWrite write = write_of(session, {session.open()});
    ASSERT_TRUE(store.commit({absl::MakeConstSpan(&write, 1), {}}).ok());
    EXPECT_EQ(number("select count(*) from public.seen where value = '" + value + "'"), 1);
  }
}

TEST_F(DurableStore, a_connection_that_lost_its_options_is_refused) {
  const auto db = PgCluster::shared().open(database_, "gatetape_recorder");
  EXPECT_TRUE(check_durable(*db, "on").ok());
  const absl::Status refused = check_durable(*db, "remote_apply");
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              testing::StartsWith("synchronous_commit is on and must be remote_apply"));
}

TEST_F(DurableStore, a_standby_is_one_that_commits_wait_for) {
  const auto has_standby = [this] {
    return *has_synchronous_standby(*PgCluster::shared().open(database_, "gatetape_recorder"));
  };
  EXPECT_FALSE(has_standby());
  set("synchronous_standby_names", "nobody");
  EXPECT_TRUE(has_standby());
  set("synchronous_standby_names", "''");
  EXPECT_FALSE(has_standby());
}

}  // namespace
}  // namespace gatetape::recorder
