#include "base/db/migrate.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/support/pg_cluster.h"

namespace gatetape {
namespace {

class Migrate : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/migrate_XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    write("0001_one.sql", "create table one (id int);");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::vector<std::string> applied() {
    const auto result = migrate(*db_, folder_);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->applied : std::vector<std::string>{"failed"};
  }
  absl::StatusCode code() { return migrate(*db_, folder_).status().code(); }

  std::string folder_;
  std::unique_ptr<Db> db_ = PgCluster::shared().open(PgCluster::shared().create_database());
};

using Names = std::vector<std::string>;

TEST_F(Migrate, each_file_is_applied_once_in_order) {
  EXPECT_EQ(*newest_migration(*db_), 0u);
  write("0003_three.sql", "insert into two values (1);");
  write("0002_two.sql", "create table two (id int);");
  write("readme.txt", "nonsense");
  EXPECT_EQ(applied(), (Names{"0001_one.sql", "0002_two.sql", "0003_three.sql"}));
  EXPECT_EQ(applied(), Names{});
  write("0004_four.sql", "insert into two values (2);");
  EXPECT_EQ(applied(), Names{"0004_four.sql"});
  EXPECT_EQ(*newest_migration(*db_), 4u);
}

TEST_F(Migrate, an_edited_file_is_refused) {
  applied();
  write("0001_one.sql", "create table one (id bigint);");
  EXPECT_EQ(code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Migrate, a_database_that_is_newer_is_refused) {
  write("0002_two.sql", "create table two (id int);");
  applied();
  std::filesystem::remove(folder_ + "/0002_two.sql");
  EXPECT_EQ(code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Migrate, two_files_of_one_number_are_refused) {
  write("0001_other.sql", "select 1;");
  EXPECT_EQ(code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Migrate, a_file_that_fails_leaves_nothing) {
  write("0002_two.sql", "create table two (id int); nonsense;");
  EXPECT_EQ(code(), absl::StatusCode::kInternal);
  EXPECT_EQ(*newest_migration(*db_), 1u);
  EXPECT_TRUE(db_->query("select to_regclass('two') is null")->row(0).boolean());
  write("0002_two.sql", "create table two (id int);");
  EXPECT_EQ(applied(), Names{"0002_two.sql"});
}

TEST_F(Migrate, a_folder_without_migrations_is_not_found) {
  EXPECT_EQ(migrate(*db_, folder_ + "/none").status().code(), absl::StatusCode::kNotFound);
}

class Schema : public testing::Test {
 protected:
  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<Db> owner_ = PgCluster::shared().open(database_);
  int64_t number(const std::string& sql) { return number(*owner_, sql); }
  static int64_t number(Db& db, const std::string& sql) {
    const auto rows = db.query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? rows->row(0).int8() : -1;
  }
};

TEST_F(Schema, every_table_and_column_is_commented) {
  EXPECT_EQ(number("select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid "
                   "where c.relnamespace = 'gatetape'::regnamespace and c.relkind in ('r', 'p') "
                   "and a.attnum > 0 and (col_description(c.oid, a.attnum) is null)"),
            0);
  EXPECT_EQ(number("select count(*) from pg_class c where relkind = 'p' and "
                   "relnamespace = 'gatetape'::regnamespace and obj_description(oid) is null"),
            0);
}

TEST_F(Schema, partitions_reach_a_week_ahead_and_are_made_once) {
  EXPECT_EQ(
      number("select count(*) from pg_inherits where inhparent = 'gatetape.frames'::regclass"),
      1 + 10);
  const auto recorder = PgCluster::shared().open(database_, "gatetape_recorder");
  EXPECT_EQ(number(*recorder, "select gatetape.keep_partitions()"), 0);
  EXPECT_EQ(number("select gatetape.add_partitions('2030-01-01Z', '2030-01-03Z')"), 18);
  EXPECT_FALSE(recorder->query("select gatetape.add_partitions(now(), now())").ok());
}

TEST_F(Schema, a_day_that_began_in_the_default_partition_stays_there) {
  ASSERT_TRUE(owner_
                  ->run_script("insert into gatetape.session_end select "
                               "gatetape.uuid7_floor('2031-01-01T12:00Z'), now(), '', '', 0, 0, 0")
                  .ok());
  EXPECT_EQ(number("select gatetape.add_partitions('2031-01-01Z', '2031-01-02Z')"), 8);
  EXPECT_EQ(number("select count(*) from gatetape.session_end_default"), 1);
}

TEST_F(Schema, a_day_has_24_hours_where_the_clocks_change) {
  ASSERT_TRUE(owner_->run_script("set timezone = 'Europe/Berlin'").ok());
  EXPECT_EQ(number("select gatetape.add_partitions('2031-03-29Z', '2031-04-02Z')"), 4 * 9);
  EXPECT_EQ(number("select gatetape.add_partitions('2031-04-02Z', '2031-04-04Z')"), 2 * 9);
}

TEST_F(Schema, frames_are_never_compressed_by_the_server) {
  EXPECT_EQ(number("select count(*) from pg_attribute where attname = 'data' and attstorage <> 'e' "
                   "and attrelid in (select inhrelid from pg_inherits where inhparent = "
                   "'gatetape.frames'::regclass)"),
            0);
}

TEST_F(Schema, nobody_may_change_the_record) {
  ASSERT_TRUE(
      owner_
          ->run_script("insert into gatetape.session_key select gatetape.uuid7_floor(now()), "
                       "decode(repeat('00', 32), 'hex'); insert into gatetape.session_key "
                       "select gatetape.uuid7_floor('2001-01-01Z'), decode(repeat('00', 32), "
                       "'hex')")
          .ok());
  const auto part =
      owner_->query("select tableoid::regclass::text from gatetape.session_key order by 1 desc");
  ASSERT_EQ(part->size(), 2);
  for (const char* role : {"postgres", "gatetape_recorder", "gatetape_auditd"}) {
    const auto db = PgCluster::shared().open(database_, role);
    for (const std::string& table :
         {std::string("gatetape.session_key"), part->row(0).text(), part->row(1).text()}) {
      for (const std::string& sql : {"update " + table + " set commit_key = commit_key",
                                     "delete from " + table, "truncate " + table})
        EXPECT_EQ(db->query(sql).status().code(), absl::StatusCode::kPermissionDenied)
            << role << ": " << sql;
    }
  }
  EXPECT_EQ(number("select count(*) from gatetape.session_key"), 2);
}

TEST_F(Schema, whoever_writes_the_record_waits_for_the_disk) {
  EXPECT_EQ(number("select count(*) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole "
                   "where rolname in ('gatetape_recorder', 'gatetape_sealer') and "
                   "'synchronous_commit=on' = any (setconfig)"),
            2);
}

TEST_F(Migrate, a_program_uses_no_database_that_is_newer_than_itself) {
  EXPECT_TRUE(check_known(*db_, 1).ok()) << "without a schema there is nothing newer";
  write("0002_two.sql", "create table two (id int);");
  applied();
  EXPECT_TRUE(check_known(*db_, 2).ok());
  const absl::Status status = check_known(*db_, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("at migration 2, this program knows only 1"), std::string::npos)
      << status;
}

TEST_F(Migrate, the_program_knows_its_own_migrations) {
  const std::string database = PgCluster::shared().create_record();
  EXPECT_EQ(*newest_migration(*PgCluster::shared().open(database)), newest_known_migration());
}

}  // namespace
}  // namespace gatetape
