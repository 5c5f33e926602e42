#include "base/db/pg.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "base/clock.h"
#include "base/os/fd.h"
#include "tests/support/pg_cluster.h"

namespace gatetape {
namespace {

class Pg : public testing::Test {
 protected:
  std::string database_ = PgCluster::shared().create_database();
  std::unique_ptr<PgConnection> connection_ = PgCluster::shared().connect(database_);

  int64_t count() {
    const auto other = PgCluster::shared().connect(database_);
    return other->execute("select count(*) from t")->int8(0, 0);
  }
  void make_table() {
    ASSERT_TRUE(connection_->execute("create table t (id bigint primary key, data bytea)").ok());
  }
  // A deferred trigger that runs `body` inside COMMIT.
  void at_commit(const std::string& body) {
    ASSERT_TRUE(PgCluster::shared()
                    .open(database_)
                    ->run_script("create function f() returns trigger language plpgsql as "
                                 "$$ begin " +
                                 body +
                                 "; return null; end $$; "
                                 "create constraint trigger c after insert on t deferrable "
                                 "initially deferred for each row execute function f()")
                    .ok());
  }
};

const std::string kInsert = "insert into t values ($1::bigint, $2::bytea)";
constexpr char kInsertStatement[] = "insert into t values ($1::bigint, $2::bytea)";

TEST_F(Pg, values_come_back_as_they_went) {
  const std::string bytes("a\0\xff", 3);
  const auto row = connection_->execute(
      "select $1::text, $2::bytea, $3::uuid, $4::smallint, $5::integer, $6::bigint, $7::boolean, "
      "$8::timestamptz, $9::text, $8::timestamptz = '2026-01-02T03:04:05.678901Z'",
      {PgParam::text("x"), PgParam::bytea(bytes), PgParam::uuid(std::string(16, 'u')),
       PgParam::int2(-2), PgParam::int4(-4), PgParam::int8(INT64_MIN), PgParam::boolean(true),
       PgParam::timestamptz(1767323045678901000), PgParam::null()});
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->text(0, 0), "x");
  EXPECT_EQ(row->bytes(0, 1), bytes);
  EXPECT_EQ(row->bytes(0, 2), std::string(16, 'u'));
  EXPECT_EQ(row->int8(0, 3), -2);
  EXPECT_EQ(row->int8(0, 4), -4);
  EXPECT_EQ(row->int8(0, 5), INT64_MIN);
  EXPECT_TRUE(row->boolean(0, 6));
  EXPECT_EQ(row->timestamptz_ns(0, 7), 1767323045678901000);
  EXPECT_TRUE(row->is_null(0, 8));
  EXPECT_TRUE(row->boolean(0, 9));
}

TEST_F(Pg, sqlstates_become_codes) {
  make_table();
  ASSERT_TRUE(connection_->execute("insert into t values (1)").ok());
  ASSERT_TRUE(connection_->execute("create role nobody").ok());
  const auto code = [this](const std::string& sql) {
    return connection_->execute(sql).status().code();
  };
  EXPECT_EQ(code("insert into t values (1)"), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code("insert into t values (null)"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("select 'x'::int"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("nonsense"), absl::StatusCode::kInternal);
  EXPECT_EQ(code("set role nobody"), absl::StatusCode::kOk);
  EXPECT_EQ(code("insert into t values (2)"), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(connection_->is_broken());
}

TEST_F(Pg, arrays_are_columns_of_many_rows) {
  make_table();
  constexpr char kInsertMany[] =
      "insert into t (id, data) select id, convert_to(data, 'UTF8') "
      "from unnest($1::bigint[], $2::text[]) as row (id, data)";
  PgArray ids(PgArray::Element::kInt8);
  PgArray texts(PgArray::Element::kText);
  const auto insert = [&] {
    return connection_->execute(kInsertMany, {ids.finish(), texts.finish()});
  };
  ASSERT_TRUE(insert().ok());
  for (int64_t id = 1; id <= 1000; id++) {
    ids.add(PgParam::int8(id));
    texts.add(PgParam::text(id == 7 ? "" : "text \xc3\xa9, \"{,}\\ " + std::to_string(id)));
  }
  ASSERT_TRUE(insert().ok());
  const auto found = connection_->execute(
      "select count(*), max(id), max(convert_from(data, 'UTF8')) filter (where id = 12), "
      "max(length(data)) filter (where id = 7) from t");
  EXPECT_EQ(found->int8(0, 0), 1000);
  EXPECT_EQ(found->int8(0, 1), 1000);
  EXPECT_EQ(found->text(0, 2), "text \xc3\xa9, \"{,}\\ 12");
  EXPECT_EQ(found->int8(0, 3), 0);
  EXPECT_EQ(insert().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(Pg, transact_commits_all_or_nothing) {
  make_table();
  const auto stored = connection_->transact(
      {{kInsertStatement, {PgParam::int8(1), PgParam::bytea(std::string(5'000'000, 'x'))}},
       {"select length(data)::bigint from t", {}}});
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_EQ(stored->size(), 2u);
  EXPECT_EQ((*stored)[1].int8(0, 0), 5'000'000);
  const auto refused =
      connection_->transact({{kInsertStatement, {PgParam::int8(2), PgParam::null()}},
                             {kInsertStatement, {PgParam::int8(1), PgParam::null()}},
                             {kInsertStatement, {PgParam::int8(3), PgParam::null()}}});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(count(), 1);
  EXPECT_TRUE(
      connection_->transact({{kInsertStatement, {PgParam::int8(4), PgParam::null()}}}).ok());
  EXPECT_EQ(count(), 2);
}

TEST_F(Pg, a_commit_is_sent_only_when_each_statement_stored_its_rows) {
  make_table();
  constexpr char kIgnore[] = "insert into t values ($1::bigint) on conflict do nothing";
  // Stores the row `fresh`, and 7 unless it is there already.
  const auto store = [&](int64_t fresh, PgRows rows) {
    return connection_->transact({{kIgnore, {PgParam::int8(fresh)}, PgRows{"t", 1, 1}},
                                  {kIgnore, {PgParam::int8(7)}, rows}});
  };
  EXPECT_TRUE(store(1, {"t", 1, 1}).ok());
  EXPECT_EQ(count(), 2);
  const auto swallowed = store(2, {"the table", 1, 1});
  EXPECT_EQ(swallowed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(swallowed.status().message().substr(0, 28), "the table stored 0 of 1 rows");
  EXPECT_EQ(count(), 2);
  EXPECT_FALSE(connection_->is_broken());
  const auto repeated = store(4, {"t", 0, 1});
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ((*repeated)[0].affected(), 1u);
  EXPECT_EQ((*repeated)[1].affected(), 0u);
  EXPECT_EQ(count(), 3);
}

TEST_F(Pg, an_error_before_the_commit_is_certain_also_when_rows_are_counted) {
  make_table();
  const PgStatement insert{
      kInsertStatement, {PgParam::int8(1), PgParam::null()}, PgRows{"t", 1, 1}};
  EXPECT_EQ(connection_->transact({insert, insert, insert}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(count(), 0);
  EXPECT_TRUE(connection_->transact({insert}).ok());
  EXPECT_EQ(count(), 1);
}

TEST_F(Pg, an_error_at_commit_is_certain) {
  make_table();
  at_commit("raise exception 'no'");
  const auto piped =
      connection_->transact({{kInsertStatement, {PgParam::int8(1), PgParam::null()}}});
  EXPECT_EQ(piped.status().code(), absl::StatusCode::kInternal) << piped.status();
  EXPECT_EQ(count(), 0);
}

TEST_F(Pg, a_warning_at_commit_is_doubt) {
  make_table();
  at_commit("raise warning 'canceling wait for synchronous replication'");
  EXPECT_TRUE(absl::IsAborted(
      connection_->transact({{kInsertStatement, {PgParam::int8(1), PgParam::null()}}}).status()));
  EXPECT_TRUE(connection_->is_broken());
}

TEST_F(Pg, a_connection_that_dies_in_commit_is_doubt) {
  make_table();
  at_commit("perform pg_terminate_backend(pg_backend_pid())");
  EXPECT_TRUE(absl::IsAborted(
      connection_->transact({{kInsertStatement, {PgParam::int8(1), PgParam::null()}}}).status()));
  EXPECT_TRUE(connection_->is_broken());
  EXPECT_EQ(connection_->execute("select 1").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(Pg, no_call_waits_longer_than_the_timeout) {
  make_table();
  connection_->set_timeout_s(1);
  const int64_t start_ns = system_clock().mono_ns();
  EXPECT_EQ(connection_->execute("select pg_sleep(60)").status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(connection_->is_broken());
  connection_ = PgCluster::shared().connect(database_);
  connection_->set_timeout_s(1);
  at_commit("perform pg_sleep(60)");
  EXPECT_TRUE(absl::IsAborted(
      connection_->transact({{kInsertStatement, {PgParam::int8(1), PgParam::null()}}}).status()));
  EXPECT_LT(system_clock().mono_ns() - start_ns, 20'000'000'000);
}

using PgDeathTest = Pg;

TEST_F(PgDeathTest, a_transaction_is_not_begun_twice) {
  ASSERT_TRUE(connection_->execute("begin").ok());
  EXPECT_DEATH(connection_->transact({}).IgnoreError(), "a transaction is open already");
}

TEST_F(PgDeathTest, the_doors_of_one_connection_do_not_mix) {
  ASSERT_EQ(PQsendQuery(connection_->handle(), "select 1"), 1);
  EXPECT_DEATH(connection_->execute("select 2").IgnoreError(), "another door");
}

TEST_F(PgDeathTest, statements_are_constants_and_not_built_from_values) {
  std::vector<std::string> texts;
  for (int i = 0; i < 64; i++) texts.push_back("select " + std::to_string(i));
  std::vector<PgStatement> statements;
  for (const std::string& text : texts) statements.push_back({text.c_str(), {}});
  EXPECT_DEATH(connection_->transact(statements).IgnoreError(), "kPreparedMax");
}

TEST_F(PgDeathTest, an_element_of_an_array_has_its_type) {
  PgArray numbers(PgArray::Element::kInt2);
  EXPECT_DEATH(numbers.add(PgParam::int8(1)), "size_fits");
  EXPECT_DEATH(numbers.add(PgParam::null()), "has_value");
}

TEST(PgConnect, no_server_is_unavailable) {
  EXPECT_EQ(PgConnection::connect("host=/nonexistent user=x").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(PgConnection::connect("this is no conninfo").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(Pg, a_silent_host_leaves_time_for_the_next) {
  const Fd silent(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  char folder[] = "/tmp/gatetape_silent_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (std::string(folder) + "/.s.PGSQL.5432").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(silent.get(), 1), 0);
  std::string both = PgCluster::shared().conninfo(database_);
  both.replace(both.find("host="), 5, "host=" + std::string(folder) + ",");
  const auto connection = PgConnection::connect(both);
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_TRUE((*connection)->execute("select 1").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gatetape
