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
  Database database(cluster.conninfo(name, "gatetape_auditd"), 1);
  EXPECT_EQ(database.lease().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gatetape::auditd
