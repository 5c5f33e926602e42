#include "base/db/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pg_cluster.h"

namespace gatetape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class Catalogue : public testing::Test {
 protected:
  void run(const std::string& script) {
    const absl::Status ran = owner_->run_script(script);
    ASSERT_TRUE(ran.ok()) << ran << "\n" << script;
  }
  // deviations returns what the role of a daemon that may only read finds.
  std::vector<std::string> deviations() {
    const auto lines = guard_deviations(*PgCluster::shared().open(database_, "gatetape_auditd"));
    EXPECT_TRUE(lines.ok()) << lines.status();
    return lines.ok() ? *lines : std::vector<std::string>();
  }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<Db> owner_ = PgCluster::shared().open(database_);
};

// Should this fail after a migration, correct base/db/catalogue_list.cc by what it prints.
TEST_F(Catalogue, the_list_is_what_the_migrations_make) {
  EXPECT_THAT(deviations(), IsEmpty());
  run("select gatetape.add_partitions(now() + interval '20 days', now() + interval '22 days')");
  EXPECT_THAT(deviations(), IsEmpty());
}

TEST_F(Catalogue, the_search_path_of_the_caller_changes_nothing) {
  run("alter role gatetape_auditd in database " + database_ + " set search_path = gatetape");
  EXPECT_THAT(deviations(), IsEmpty());
}

TEST_F(Catalogue, each_deviation_has_one_line_that_names_it) {
  struct Row {
    const char* script;
    const char* undo;
    const char* line;
  };
  const Row rows[] = {
      {"alter table gatetape.frames_default disable trigger frames_is_append_only",
       "alter table gatetape.frames_default enable trigger frames_is_append_only",
       "gatetape.frames_default: trigger frames_is_append_only is `BEFORE DELETE OR UPDATE FOR "
       "EACH ROW EXECUTE FUNCTION gatetape.deny(), disabled` and must be"},
      {"alter table gatetape.head enable replica trigger head_is_never_emptied",
       "alter table gatetape.head enable trigger head_is_never_emptied",
       "gatetape.head: trigger head_is_never_emptied is `"},
      {"drop trigger event_is_never_emptied on gatetape.event_default",
       "create trigger event_is_never_emptied before truncate on gatetape.event_default for each "
       "statement execute function gatetape.deny()",
       "gatetape.event_default: trigger event_is_never_emptied is missing: it must be `"},
      {"create trigger x before insert on gatetape.channel_default for each row execute function "
       "gatetape.deny()",
       "drop trigger x on gatetape.channel_default",
       "gatetape.channel_default: trigger x must not be there: it is `"},
      {"create rule x as on insert to gatetape.session do instead nothing",
       "drop rule x on gatetape.session", "gatetape.session: rule x must not be there: it is `"},
      {"alter table gatetape.session_end_default add constraint x check (frames > 0)",
       "alter table gatetape.session_end_default drop constraint x",
       "gatetape.session_end_default: constraint x must not be there: it is `CHECK ((frames > "
       "0))`"},
      {"alter table gatetape.event enable row level security",
       "alter table gatetape.event disable row level security",
       "gatetape.event: row-level security must not be there: it is `on`"},
      {"create policy x on gatetape.event", "drop policy x on gatetape.event",
       "gatetape.event: policy x must not be there"},
      {"grant delete on gatetape.frames to gatetape_recorder",
       "revoke delete on gatetape.frames from gatetape_recorder",
       "gatetape.frames: grant to gatetape_recorder is `DELETE, INSERT, SELECT` and must be "
       "`INSERT, SELECT`"},
      {"grant update (data) on gatetape.frames_default to public",
       "revoke update (data) on gatetape.frames_default from public",
       "gatetape.frames_default: grant on column data to public must not be there: it is `UPDATE`"},
      {"revoke select on gatetape.head from gatetape_auditd",
       "grant select on gatetape.head to gatetape_auditd",
       "gatetape.head: grant to gatetape_auditd is missing: it must be `SELECT`"},
      {"grant create on schema gatetape to gatetape_recorder",
       "revoke create on schema gatetape from gatetape_recorder",
       "schema gatetape: grant to gatetape_recorder is `CREATE, USAGE` and must be `USAGE`"},
      {"grant execute on function gatetape.add_partition to public",
       "revoke execute on function gatetape.add_partition from public",
       "gatetape.add_partition(parent text, name text, bounds text): grant to public must not be "
       "there: it is `EXECUTE`"},
      {"alter table gatetape.channel_default owner to gatetape_recorder",
       "alter table gatetape.channel_default owner to postgres",
       "gatetape.channel_default: owner must not be there: it is `gatetape_recorder`"},
      {"alter table gatetape.head_default set unlogged",
       "alter table gatetape.head_default set logged",
       "gatetape.head_default: kind is `table, unlogged` and must be `table`"},
      {"create table gatetape.other ()", "drop table gatetape.other",
       "gatetape.other: kind must not be there: it is `table`"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.script);
    run(row.script);
    EXPECT_THAT(deviations(), ElementsAre(StartsWith(row.line)));
    run(row.undo);
    ASSERT_THAT(deviations(), IsEmpty());
  }
}

TEST_F(Catalogue, a_guard_that_was_emptied_and_a_table_that_was_replaced_are_named) {
  run("create or replace function gatetape.deny() returns trigger language plpgsql as $$ begin "
      "return new; end $$");
  EXPECT_THAT(deviations(),
              ElementsAre(StartsWith("gatetape.deny(): kind is `plpgsql, settings ")));
  run("drop schema gatetape cascade; create schema gatetape; grant usage on schema gatetape to "
      "gatetape_recorder, gatetape_auditd; create view gatetape.frames as select 1 as x");
  EXPECT_THAT(deviations(), testing::Contains(StartsWith("gatetape.frames: kind is `view` and")));
  EXPECT_THAT(deviations(),
              testing::Contains(HasSubstr("gatetape.head: kind is missing: it must be")));
}

TEST_F(Catalogue, a_partition_outside_the_schema_is_seen) {
  run("create table public.frames_x (like gatetape.frames including all); alter table "
      "gatetape.frames attach partition public.frames_x for values from "
      "('00000000-0000-7000-8000-000000000000') to ('00000000-0000-7000-8000-000000000001')");
  EXPECT_THAT(
      deviations(),
      ElementsAre(StartsWith("public.frames_x: trigger frames_is_never_emptied is missing")));
}

TEST_F(Catalogue, deviations_have_a_limit) {
  run("do $$ begin for i in 1..150 loop execute format('create table gatetape.x%s ()', i); end "
      "loop; end $$");
  EXPECT_THAT(deviations(), SizeIs(kDeviationsMax));
}

TEST_F(Catalogue, a_database_at_an_older_migration_is_named_as_such) {
  run("delete from public.gatetape_migration where number = (select max(number) from "
      "public.gatetape_migration)");
  EXPECT_THAT(deviations(), ElementsAre(StartsWith("the database is at migration ")));
}

}  // namespace
}  // namespace gatetape
