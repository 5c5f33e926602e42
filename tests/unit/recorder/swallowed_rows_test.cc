// What the database may do to an INSERT without an error. A row that is not stored in its table
// must fail the commit, for certain, and must not count as data that PostgreSQL refuses.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/pg_cluster.h"
#include "tests/unit/recorder/store_fixture.h"

namespace gatetape::recorder {
namespace {

class SwallowedRows : public StoreTest {
 protected:
  // write returns a commit with a row for each table.
  static SessionWrite write(TestSession* session) {
    std::vector<Frame> frames = {session->open()};
    frames.push_back(session->next(FrameKind::kChannelOpen, Event{{"type", "session"}}.encode()));
    frames.push_back(session->end());
    SessionWrite write = write_of(*session, frames);
    const SigningKey key = SigningKey::generate();
    write.head = std::make_unique<SignedHead>();
    *write.head = {session->head(), key.public_key().raw, key.sign("g"), key.public_key().raw,
                   key.sign("r")};
    return write;
  }
  void run(const std::string& script) {
    const absl::Status ran = PgCluster::shared().open(database_)->run_script(script);
    ASSERT_TRUE(ran.ok()) << ran << "\n" << script;
  }
  // expect_failed expects that a commit fails for certain and stores nothing, and that the store
  // works again after `undo`.
  void expect_failed(const std::string& undo) {
    TestSession session;
    const int64_t before = number("select count(*) from gatetape.session_key");
    const absl::Status status = commit(write(&session));
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(absl::IsAborted(status)) << status;
    EXPECT_FALSE(absl::IsAlreadyExists(status) || absl::IsInvalidArgument(status)) << status;
    run(undo);
    EXPECT_EQ(number("select count(*) from gatetape.session_key"), before);
    ASSERT_TRUE(store_.open().ok());
    TestSession next;
    const absl::Status works = commit(write(&next));
    EXPECT_TRUE(works.ok()) << works;
  }
};

constexpr const char* kTables[] = {"frames",  "session_key", "head",  "session",   "session_end",
                                   "channel", "event",       "heads", "log_entry", "session_heads"};

struct Way {
  const char* name;
  const char* script;  // T is the table
  const char* undo;
};

constexpr Way kWays[] = {
    {"a trigger drops the row",
     "create function gatetape.drop_row() returns trigger language plpgsql as "
     "$$ begin return null; end $$; create trigger x before insert on gatetape.T for each row "
     "execute function gatetape.drop_row()",
     "drop trigger x on gatetape.T; drop function gatetape.drop_row()"},
    {"a trigger of one partition drops the row",
     "create function gatetape.drop_row() returns trigger language plpgsql as "
     "$$ begin return null; end $$; do $$ begin execute format('create trigger x before insert on "
     "gatetape.%I for each row execute function gatetape.drop_row()', "
     "'T_p' || to_char(now() at time zone 'UTC', 'YYYYMMDD')); end $$",
     "drop function gatetape.drop_row() cascade"},
    {"a trigger moves the row into another table",
     "create table gatetape.other (like gatetape.T); "
     "create function gatetape.move_row() returns trigger language plpgsql security definer as "
     "$$ begin insert into gatetape.other select new.*; return null; end $$; "
     "create trigger x before insert on gatetape.T for each row execute function "
     "gatetape.move_row()",
     "drop trigger x on gatetape.T; drop function gatetape.move_row(); drop table gatetape.other"},
    {"a rule does nothing instead", "create rule x as on insert to gatetape.T do instead nothing",
     "drop rule x on gatetape.T"},
    {"a rule stores the row elsewhere",
     "create table gatetape.other (like gatetape.T); grant insert on gatetape.other to public; "
     "create rule x as on insert to gatetape.T do instead insert into gatetape.other select new.*",
     "drop rule x on gatetape.T; drop table gatetape.other"},
    {"row-level security has no policy", "alter table gatetape.T enable row level security",
     "alter table gatetape.T disable row level security"},
    {"a view stands in the place of the table and drops the row",
     "alter table gatetape.T rename to real; create view gatetape.T as select * from "
     "gatetape.real; grant insert, select on gatetape.T to gatetape_recorder; create function "
     "gatetape.drop_row() returns trigger language plpgsql as $$ begin return null; end $$; create "
     "trigger x instead of insert on gatetape.T for each row execute function gatetape.drop_row()",
     "drop view gatetape.T; drop function gatetape.drop_row(); alter table gatetape.real rename to "
     "T"},
};

TEST_F(SwallowedRows, a_row_that_is_not_stored_fails_the_commit) {
  for (const Way& way : kWays) {
    for (const std::string table : kTables) {
      if (table == "log_entry" && absl::StrContains(way.script, "T_p")) continue;  // no partitions
      SCOPED_TRACE(absl::StrCat(way.name, ": ", table));
      run(absl::StrReplaceAll(way.script, {{"gatetape.T", absl::StrCat("gatetape.", table)},
                                           {"to T", absl::StrCat("to ", table)},
                                           {"T_p", absl::StrCat(table, "_p")}}));
      expect_failed(absl::StrReplaceAll(way.undo, {{"gatetape.T", absl::StrCat("gatetape.", table)},
                                                   {"to T", absl::StrCat("to ", table)}}));
      if (HasFailure()) return;
    }
  }
}

// The number of rows would be right: evidence is also asked for the table that holds it.
TEST_F(SwallowedRows, a_view_that_claims_to_store_evidence_fails_the_commit) {
  for (const std::string table :
       {"frames", "session_key", "head", "heads", "log_entry", "session_heads"}) {
    SCOPED_TRACE(table);
    run("alter table gatetape." + table + " rename to real; create view gatetape." + table +
        " as select * from gatetape.real; grant insert, select on gatetape." + table +
        " to gatetape_recorder; create function gatetape.claim_row() returns trigger language "
        "plpgsql as $$ begin return new; end $$; create trigger x instead of insert on gatetape." +
        table + " for each row execute function gatetape.claim_row()");
    expect_failed("drop view gatetape." + table +
                  "; drop function gatetape.claim_row(); alter table gatetape.real rename to " +
                  table);
  }
}

}  // namespace
}  // namespace gatetape::recorder
