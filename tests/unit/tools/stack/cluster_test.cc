#include "tools/stack/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/toml.h"
#include "tools/stack/give.h"

namespace gatetape::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The files of a cluster that was there, without a PostgreSQL that runs.
class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_cluster_XXXXXX";
    parent_ = mkdtemp(pattern);
    chmod(parent_.c_str(), 0711);
    const auto state = StateDir::choose({.dir = parent_ + "/stack", .user = ""});
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *state;
    ASSERT_TRUE(state_.make().ok());
    ASSERT_TRUE(state_.make_folder("pg").ok());
    ASSERT_TRUE(state_.write_file({.name = "pg/PG_VERSION", .text = "15\n"}).ok());
    const auto account = state_.account_of("postgres");
    if (!account) return;
    ASSERT_TRUE(
        give_folder(state_.file("pg"), {.uid = account->uid, .gid = account->gid}, 0700).ok());
  }
  void TearDown() override { std::filesystem::remove_all(parent_); }
  void update(const std::string& settings) {
    ASSERT_TRUE(state_.write_file({.name = "pg/gatetape.conf", .text = settings}).ok());
    const auto cluster = Cluster::find(state_);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    const absl::Status updated = cluster->update();
    ASSERT_TRUE(updated.ok()) << updated;
  }

  std::string parent_;
  StateDir state_;
};

TEST_F(ClusterTest, each_account_is_one_role_and_the_gateway_is_none) {
  update("unix_socket_directories = '" + state_.file("run/db") + "'\n");
  const std::string map = read_whole_file(state_.file("pg/pg_ident.conf")).value_or("");
  EXPECT_THAT(map, HasSubstr("gatetape root gatetape_owner\n"));
  if (geteuid() != 0) return;
  EXPECT_THAT(map, HasSubstr("gatetape gatetape-db gatetape_owner\n"));
  EXPECT_THAT(map, HasSubstr("gatetape gatetape-recorder gatetape_recorder\n"));
  EXPECT_THAT(map, HasSubstr("gatetape gatetape-auditd gatetape_auditd\n"));
  EXPECT_THAT(map, Not(HasSubstr("gatetape-gateway")));
  EXPECT_THAT(map, Not(HasSubstr("gatetape-recorder gatetape_owner")));
}

TEST_F(ClusterTest, a_stack_of_an_older_version_finds_the_socket_where_it_was) {
  update("unix_socket_directories = '" + state_.file("run") + "'\n");
  update("unix_socket_directories = '" + state_.file("run") + "'\n");
  EXPECT_EQ(std::filesystem::read_symlink(state_.file("run/.s.PGSQL.5432")), "db/.s.PGSQL.5432");
}

TEST_F(ClusterTest, a_newer_one_has_no_second_name_for_the_socket) {
  update("unix_socket_directories = '" + state_.file("run/db") + "'\n");
  EXPECT_FALSE(std::filesystem::is_symlink(state_.file("run/.s.PGSQL.5432")));
}

}  // namespace
}  // namespace gatetape::tools
