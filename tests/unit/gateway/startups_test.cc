#include "gateway/startups.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

TEST(Startups, the_limits_count_before_and_after_login) {
  Startups startups({3, 2, 3});
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_EQ(startups.admit("a").message(), "max_startups_per_source");
  EXPECT_TRUE(startups.admit("b").ok());
  EXPECT_EQ(startups.admit("c").message(), "max_startups");
  startups.authenticated("a");
  EXPECT_TRUE(startups.admit("a").ok());
  startups.authenticated("a");
  EXPECT_EQ(startups.admit("a").message(), "max_connections_per_source");
}

TEST(Startups, a_connection_that_leaves_makes_room) {
  Startups startups({1, 1, 1});
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_FALSE(startups.admit("a").ok());
  startups.leave("a", false);
  EXPECT_TRUE(startups.admit("a").ok());
  startups.authenticated("a");
  startups.leave("a", true);
  EXPECT_TRUE(startups.admit("b").ok());
}

TEST(StartupsDeathTest, a_connection_is_counted_as_logged_in_once) {
  Startups startups({3, 2, 3});
  EXPECT_TRUE(startups.admit("a").ok());
  startups.authenticated("a");
  EXPECT_DEATH(startups.authenticated("a"), "counts.unauthenticated > 0");
}

TEST(StartupsDeathTest, a_connection_leaves_once_and_as_it_was_counted) {
  Startups startups({3, 2, 3});
  EXPECT_DEATH(startups.leave("a", false), "counts.connections > 0");
  EXPECT_TRUE(startups.admit("a").ok());
  EXPECT_DEATH(startups.leave("a", true), "counts.unauthenticated <= counts.connections");
}

}  // namespace
}  // namespace gatetape::gateway
