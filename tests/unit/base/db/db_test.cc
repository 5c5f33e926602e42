#include "base/db/db.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "base/clock.h"
#include "tests/support/pg_cluster.h"

namespace gatetape {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class DbTest : public testing::Test {
 protected:
  std::unique_ptr<Db> open(uint32_t timeout_s = 30) {
    auto db = Db::open({.conninfo = PgCluster::shared().conninfo(database_),
                        .settings = {stops_with_client()},
                        .timeout_s = timeout_s});
    EXPECT_TRUE(db.ok()) << db.status();
    return *std::move(db);
  }
  int64_t number(Db& db, const std::string& sql, const std::vector<PgParam>& params = {}) {
    const auto rows = db.query(sql, params);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? rows->row(0).int8() : -1;
  }
  absl::StatusCode code(const std::string& sql) { return db_->query(sql).status().code(); }
  void make_table() { ASSERT_TRUE(db_->run_script("create table t (id bigint primary key)").ok()); }
  // at_commit makes a deferred trigger that runs `body` inside COMMIT.
  void at_commit(const std::string& body) {
    make_table();
    ASSERT_TRUE(
        db_->run_script("create function f() returns trigger language plpgsql as $$ begin " + body +
                        "; return null; end $$; create constraint trigger c after insert "
                        "on t deferrable initially deferred for each row execute "
                        "function f()")
            .ok());
  }
  // commit_a_row inserts a row and commits; the insert succeeds.
  absl::Status commit_a_row() {
    auto transaction = DbTransaction::begin(*db_);
    EXPECT_TRUE(transaction.ok()) << transaction.status();
    EXPECT_TRUE(db_->query("insert into t values (1)").ok());
    return transaction->commit();
  }
  void kill_backend() {
    const int64_t pid = number(*db_, "select pg_backend_pid()");
    ASSERT_EQ(number(*open(), "select 1 from pg_terminate_backend($1::int, 5000)",
                     {PgParam::int4(static_cast<int32_t>(pid))}),
              1);
  }

  std::string database_ = PgCluster::shared().create_database();
  std::unique_ptr<Db> db_ = open();
};

TEST_F(DbTest, values_come_back_as_they_went) {
  const std::string bytes("a\0\xff", 3);
  const auto rows = db_->query(
      "select $1::text, $2::bytea, $3::uuid, $4::smallint, $5::integer, $6::bigint, $7::boolean, "
      "timestamptz_send($8::timestamptz), $9::text, octet_length($2::bytea), $10::bytea, "
      "timestamptz_send('infinity'), $8::timestamptz = '2026-01-02T03:04:05.678901Z'",
      {PgParam::text("x"), PgParam::bytea(bytes), PgParam::uuid(std::string(16, 'u')),
       PgParam::int2(-2), PgParam::int4(-4), PgParam::int8(INT64_MIN), PgParam::boolean(true),
       PgParam::timestamptz(1767323045678901000), PgParam::null(), PgParam::bytea("")});
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1);
  DbRow row = rows->row(0);
  EXPECT_EQ(row.text(), "x");
  EXPECT_EQ(row.bytes(), bytes);
  EXPECT_EQ(row.uuid(), std::string(16, 'u'));
  EXPECT_EQ(row.int8(), -2);
  EXPECT_EQ(row.int8(), -4);
  EXPECT_EQ(row.maybe(&DbRow::int8), INT64_MIN);
  EXPECT_TRUE(row.boolean());
  EXPECT_EQ(row.timestamptz_ns(), 1767323045678901000);
  EXPECT_EQ(row.maybe(&DbRow::text), std::nullopt);
  EXPECT_EQ(row.count(), 3u);
  EXPECT_EQ(row.bytes(), "");
  EXPECT_EQ(row.timestamptz_ns(), INT64_MAX);
  EXPECT_TRUE(row.boolean());
  EXPECT_TRUE(row.finish().ok()) << row.finish();
}

TEST_F(DbTest, what_is_not_what_was_asked_for_is_an_error) {
  const auto status = [this](const std::string& sql, auto read) {
    const auto rows = db_->query(sql);
    return read_rows(*rows, [read](DbRow& row) { return (row.*read)(); }).status();
  };
  EXPECT_TRUE(status("select 1", &DbRow::int8).ok());
  EXPECT_TRUE(absl::IsInternal(status("select null", &DbRow::text)));
  EXPECT_TRUE(absl::IsInternal(status("select null", &DbRow::bytes)));
  EXPECT_TRUE(absl::IsInternal(status("select 'x'", &DbRow::int8)));
  EXPECT_TRUE(absl::IsInternal(status("select 2", &DbRow::boolean)));
  EXPECT_TRUE(absl::IsInternal(status("select 'x'", &DbRow::bytes)));
  EXPECT_TRUE(absl::IsInternal(status("select 'abcd'", &DbRow::uuid)));
  EXPECT_TRUE(absl::IsInternal(status("select '\\x00'::bytea", &DbRow::timestamptz_ns)));
}

TEST_F(DbTest, a_killed_backend_is_unavailable_until_it_is_opened_again) {
  kill_backend();
  EXPECT_EQ(code("select 1"), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(db_->is_broken());
  EXPECT_EQ(code("select 1"), absl::StatusCode::kUnavailable);
  EXPECT_EQ(DbTransaction::begin(*db_).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(db_->query_binary("select 1").status().code(), absl::StatusCode::kUnavailable);
  db_ = open();
  EXPECT_EQ(number(*db_, "select 1"), 1);
}

TEST_F(DbTest, a_transaction_of_a_killed_backend_does_not_go_on) {
  make_table();
  auto transaction = DbTransaction::begin(*db_);
  ASSERT_TRUE(db_->query("insert into t values (1)").ok());
  const int64_t pid = number(*db_, "select pg_backend_pid()");
  number(*open(), "select 1 from pg_terminate_backend($1::int, 5000)",
         {PgParam::int4(static_cast<int32_t>(pid))});
  EXPECT_EQ(code("insert into t values (2)"), absl::StatusCode::kUnavailable);
  EXPECT_EQ(transaction->commit().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(number(*open(), "select count(*) from t"), 0);
}

TEST_F(DbTest, a_statement_sees_its_own_text_and_result_alone) {
  for (int i = 0; i < 100; i++) {
    EXPECT_EQ(number(*db_, "select " + std::to_string(i)), i);
    EXPECT_EQ(code("select nothing_" + std::to_string(i)), absl::StatusCode::kInternal);
    const auto binary = db_->query_binary("select $1::bigint", {PgParam::int8(-i)});
    ASSERT_TRUE(binary.ok()) << binary.status();
    EXPECT_EQ(binary->int8(0, 0), -i);
  }
}

TEST_F(DbTest, sqlstates_become_codes) {
  make_table();
  ASSERT_TRUE(db_->query("insert into t values (1)").ok());
  ASSERT_TRUE(db_->run_script("create role nothing").ok());
  EXPECT_EQ(code("insert into t values (1)"), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code("insert into t values (null)"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("select 'x'::int"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("nonsense"), absl::StatusCode::kInternal);
  EXPECT_EQ(db_->query("select x").status().message(),
            "column \"x\" does not exist (SQLSTATE 42703)");
  EXPECT_EQ(code("do $$ begin raise exception 'x' using errcode = 'XX001'; end $$"),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(code("do $$ begin raise exception 'x' using errcode = '40003'; end $$"),
            absl::StatusCode::kAborted);
  EXPECT_EQ(code("set role nothing"), absl::StatusCode::kOk);
  EXPECT_EQ(code("insert into t values (2)"), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(db_->is_broken());
}

TEST_F(DbTest, settings_outlive_nothing_and_need_no_statement) {
  const auto db = Db::open(
      {.conninfo = PgCluster::shared().conninfo(database_) + " options='-c work_mem=1MB -c jit=on'",
       .settings = {{"search_path", "a\\b, c"}, {"jit", "off"}}});
  ASSERT_TRUE(db.ok()) << db.status();
  const auto setting = [&db](const std::string& name) {
    return (*db)->query("select current_setting($1::text)", {PgParam::text(name)})->row(0).text();
  };
  EXPECT_EQ(setting("search_path"), "a\\b, c");
  EXPECT_EQ(setting("jit"), "off");
  EXPECT_EQ(setting("work_mem"), "1MB");
  EXPECT_EQ(setting("client_encoding"), "UTF8");
}

TEST_F(DbTest, a_transaction_commits_or_leaves_nothing) {
  make_table();
  ASSERT_TRUE(commit_a_row().ok());
  {
    auto transaction = DbTransaction::begin(*db_);
    ASSERT_TRUE(db_->query("insert into t values (2)").ok());
  }
  EXPECT_EQ(number(*db_, "select count(*) from t"), 1);
  auto transaction = DbTransaction::begin(*db_);
  ASSERT_TRUE(db_->query("insert into t values (3)").ok());
  ASSERT_FALSE(db_->query("insert into t values (1)").ok());
  EXPECT_EQ(transaction->commit().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(number(*db_, "select count(*) from t"), 1);
}

TEST_F(DbTest, a_snapshot_sees_the_same_rows_and_writes_none) {
  make_table();
  auto snapshot = DbTransaction::begin_snapshot(*db_);
  EXPECT_EQ(number(*db_, "select count(*) from t"), 0);
  ASSERT_TRUE(open()->query("insert into t values (1)").ok());
  EXPECT_EQ(number(*db_, "select count(*) from t"), 0);
  EXPECT_EQ(db_->query_binary("select count(*) from t")->int8(0, 0), 0);
  EXPECT_EQ(code("insert into t values (2)"), absl::StatusCode::kInternal);
}

TEST_F(DbTest, an_error_at_commit_is_certain) {
  at_commit("raise exception 'no'");
  EXPECT_EQ(commit_a_row().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(db_->is_broken());
  EXPECT_EQ(number(*db_, "select count(*) from t"), 0);
}

TEST_F(DbTest, a_warning_at_commit_is_doubt) {
  at_commit("raise warning 'canceling wait for synchronous replication'");
  EXPECT_TRUE(absl::IsAborted(commit_a_row()));
  EXPECT_TRUE(db_->is_broken());
}

TEST_F(DbTest, a_connection_that_dies_in_commit_is_doubt) {
  at_commit("perform pg_terminate_backend(pg_backend_pid())");
  EXPECT_TRUE(absl::IsAborted(commit_a_row()));
  EXPECT_TRUE(db_->is_broken());
}

TEST_F(DbTest, a_commit_that_hangs_is_doubt) {
  db_ = open(1);
  at_commit("perform pg_sleep(60)");
  EXPECT_TRUE(absl::IsAborted(commit_a_row()));
  EXPECT_TRUE(db_->is_broken());
}

TEST_F(DbTest, no_call_waits_longer_than_the_timeout) {
  db_ = open(1);
  const int64_t start_ns = system_clock().mono_ns();
  EXPECT_EQ(code("select pg_sleep(60)"), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(db_->is_broken());
  EXPECT_LT(system_clock().mono_ns() - start_ns, 20 * kSecond);
}

TEST_F(DbTest, an_unwanted_statement_ends_on_the_server_too) {
  std::atomic<bool> unwanted = false;
  db_->set_unwanted([&] { return unwanted.load(); });
  EXPECT_EQ(number(*db_, "select 1"), 1);
  unwanted = true;
  EXPECT_EQ(code("select pg_sleep(60)"), absl::StatusCode::kCancelled);
  EXPECT_TRUE(db_->is_broken());
  const auto other = open();
  const int64_t deadline_ns = system_clock().mono_ns() + 30 * kSecond;
  while (number(*other,
                "select count(*) from pg_stat_activity where query like '%pg_sleep(6%' and "
                "pid <> pg_backend_pid()") > 0)
    ASSERT_LT(system_clock().mono_ns(), deadline_ns) << "the server still sleeps";
}

// peak_mib returns the most memory that this process ever had, in MiB.
int64_t peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) / 1024;
  return 0;
}

TEST_F(DbTest, a_cursor_of_100_000_rows_keeps_memory_bounded) {
  const auto transaction = DbTransaction::begin_snapshot(*db_);
  const int64_t before_mib = peak_mib();
  int64_t rows = 0;
  const absl::Status status =
      db_->for_each("select i::text, repeat('x', $1::int) from generate_series(1, 100000) i",
                    {PgParam::int4(2000)}, [&](DbRow& row) {
                      EXPECT_EQ(row.text(), std::to_string(++rows));
                      EXPECT_EQ(row.text().size(), 2000u);
                      return absl::OkStatus();
                    });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(rows, 100'000);
  EXPECT_LT(peak_mib() - before_mib, 20) << "200 MB of rows";
}

TEST_F(DbTest, a_cursor_ends_with_its_visitor_and_with_a_failure) {
  auto transaction = DbTransaction::begin_snapshot(*db_);
  const auto visit = [this](const std::string& sql, auto visitor) {
    return db_->for_each(sql, {}, visitor);
  };
  EXPECT_EQ(visit("select 1 where false", [](DbRow&) { return absl::InternalError("no row"); }),
            absl::OkStatus());
  EXPECT_EQ(visit("select generate_series(1, 9)",
                  [](DbRow& row) {
                    return row.int8() == 2 ? absl::NotFoundError("two") : absl::OkStatus();
                  }),
            absl::NotFoundError("two"));
  EXPECT_EQ(visit("select 1 / (500 - i) from generate_series(1, 1000) i",
                  [](DbRow& row) { return row.text(), absl::OkStatus(); })
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DbTest, a_regular_expression_that_is_none_says_so_by_its_sqlstate) {
  auto transaction = DbTransaction::begin_snapshot(*db_);
  const absl::Status status =
      db_->for_each("select 1 where 'x' ~ $1::text", {PgParam::text("(")},
                    [](DbRow& row) { return row.text(), absl::OkStatus(); });
  EXPECT_NE(status.message().find("2201B"), absl::string_view::npos) << status;
}

using DbDeathTest = DbTest;

TEST_F(DbDeathTest, a_transaction_is_not_begun_twice) {
  const auto transaction = DbTransaction::begin(*db_);
  EXPECT_DEATH(DbTransaction::begin_snapshot(*db_).status().IgnoreError(), "not begun twice");
}

TEST_F(DbDeathTest, nothing_follows_a_failed_statement_of_a_transaction) {
  const auto transaction = DbTransaction::begin(*db_);
  ASSERT_FALSE(db_->query("nonsense").ok());
  EXPECT_DEATH(db_->query("select 1").status().IgnoreError(), "only a rollback may follow");
}

TEST_F(DbDeathTest, a_cursor_needs_a_transaction) {
  EXPECT_DEATH(db_->for_each("select 1", {}, [](DbRow&) { return absl::OkStatus(); }).IgnoreError(),
               "a cursor lives in a transaction");
}

TEST_F(DbDeathTest, a_row_is_read_to_its_end_and_no_further) {
  const auto rows = db_->query("select 1, 2");
  DbRow row = rows->row(0);
  EXPECT_EQ(row.int8(), 1);
  EXPECT_DEATH(row.finish().IgnoreError(), "column_ == ");
  EXPECT_EQ(row.int8(), 2);
  EXPECT_DEATH(row.int8(), "column_ < ");
  EXPECT_DEATH(rows->row(1), "index < size");
}

TEST_F(DbDeathTest, a_transaction_does_not_outlive_its_connection) {
  EXPECT_DEATH(
      {
        auto transaction = DbTransaction::begin(*db_);
        db_ = nullptr;
      },
      "outlives its connection");
}

TEST_F(DbDeathTest, a_transaction_ends_once) {
  auto transaction = DbTransaction::begin(*db_);
  ASSERT_TRUE(transaction->commit().ok());
  EXPECT_DEATH(transaction->commit().IgnoreError(), "has ended already");
}

}  // namespace
}  // namespace gatetape
