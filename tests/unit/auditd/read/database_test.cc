#include "auditd/read/database.h"

#include <gtest/gtest.h>

#include "tests/support/pg_cluster.h"

namespace gatetape::auditd {
namespace {

TEST(DatabaseTest, one_that_is_newer_than_the_program_is_not_read) {
  PgCluster& cluster = PgCluster::shared();
  const std::string name = cluster.create_record();
  ASSERT_TRUE(cluster.connect(name)
                  ->execute("insert into public.gatetape_migration values (9999, 'x', '', now())")
                  .ok());
  Database database({.conninfo = cluster.conninfo(name, "gatetape_auditd"), .connections_max = 1});
  EXPECT_EQ(database.lease().status().code(), absl::StatusCode::kFailedPrecondition);
}

class LeaseTest : public testing::Test {
 protected:
  std::string name_ = PgCluster::shared().create_record();
  Database database_{{.conninfo = PgCluster::shared().conninfo(name_, "gatetape_auditd"),
                      .connections_max = 1,
                      .lease_timeout = std::chrono::milliseconds(50)}};
};

TEST_F(LeaseTest, a_connection_is_lent_to_one_at_a_time) {
  auto lease = database_.lease();
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(database_.lease().status().code(), absl::StatusCode::kResourceExhausted);
  { const Database::Lease ends = *std::move(lease); }
  EXPECT_TRUE(database_.lease().ok());
}

TEST_F(LeaseTest, a_connection_that_is_lost_is_not_lent_again) {
  const std::string kill =
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where "
      "usename = 'gatetape_auditd'";
  ASSERT_TRUE(database_.lease().ok());
  ASSERT_TRUE(PgCluster::shared().open(name_)->query(kill).ok());
  auto lease = database_.lease();
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_TRUE((*lease)->query("select 1").ok());
}

TEST_F(LeaseTest, nothing_can_be_written) {
  auto lease = database_.lease();
  EXPECT_NE((*lease)->query("create table t ()").status().message().find("read-only"),
            absl::string_view::npos);
}

TEST_F(LeaseTest, what_is_unwanted_for_one_is_not_for_the_next) {
  auto first = database_.lease([] { return true; });
  EXPECT_TRUE(absl::IsCancelled((*first)->query("select pg_sleep(60)").status()));
  { const Database::Lease ends = *std::move(first); }
  auto second = database_.lease();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE((*second)->query("select pg_sleep(0.5)").ok());
}

}  // namespace
}  // namespace gatetape::auditd
