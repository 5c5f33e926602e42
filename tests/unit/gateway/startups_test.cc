#include "gateway/startups.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

TEST(Startups, the_limits_count_before_and_after_login) {
  Startups startups({.unauthenticated = 3,
                     .drop_from = 3,
                     .unauthenticated_per_source = 2,
                     .connections_per_source = 3});
  EXPECT_TRUE(startups.admit("a", 0).ok());
  EXPECT_TRUE(startups.admit("a", 0).ok());
  EXPECT_EQ(startups.admit("a", 0).message(), "max_startups_per_source");
  EXPECT_TRUE(startups.admit("b", 0).ok());
  EXPECT_EQ(startups.admit("c", 0).message(), "max_startups");
  startups.authenticated("a");
  EXPECT_TRUE(startups.admit("a", 0).ok());
  startups.authenticated("a");
  EXPECT_EQ(startups.admit("a", 0).message(), "max_connections_per_source");
}

TEST(Startups, a_connection_that_leaves_makes_room) {
  Startups startups({.unauthenticated = 1,
                     .drop_from = 1,
                     .unauthenticated_per_source = 1,
                     .connections_per_source = 1});
  EXPECT_TRUE(startups.admit("a", 0).ok());
  EXPECT_FALSE(startups.admit("a", 0).ok());
  startups.leave("a", false);
  EXPECT_TRUE(startups.admit("a", 0).ok());
  startups.authenticated("a");
  startups.leave("a", true);
  EXPECT_TRUE(startups.admit("b", 0).ok());
}

// As MaxStartups 2:30:12 of sshd: the share that is dropped grows from 30 to 100 percent.
TEST(Startups, new_connections_are_dropped_at_random_before_the_limit) {
  Startups startups({.unauthenticated = 12, .drop_from = 2, .drop_rate = 30});
  EXPECT_TRUE(startups.admit("a", 0).ok());
  EXPECT_TRUE(startups.admit("b", 0).ok());
  EXPECT_EQ(startups.admit("c", 29).message(), "max_startups");
  EXPECT_TRUE(startups.admit("c", 30).ok());
  for (const char* source : {"d", "e", "f", "g"}) EXPECT_TRUE(startups.admit(source, 99).ok());
  EXPECT_FALSE(startups.admit("h", 64).ok());
  EXPECT_TRUE(startups.admit("h", 65).ok());
}

TEST(Startups, a_source_of_somebody_who_is_logged_in_has_a_reserve) {
  Startups startups({.unauthenticated = 4, .drop_from = 2, .drop_rate = 100});
  EXPECT_TRUE(startups.admit("known", 0).ok());
  startups.authenticated("known");
  EXPECT_TRUE(startups.admit("a", 0).ok());
  EXPECT_TRUE(startups.admit("b", 0).ok());
  EXPECT_FALSE(startups.admit("c", 99).ok());
  for (int i = 0; i < 3; i++) EXPECT_TRUE(startups.admit("known", 0).ok()) << i;
  EXPECT_EQ(startups.admit("known", 0).message(), "max_startups");
}

TEST(Startups, an_ipv6_network_is_one_source) {
  EXPECT_EQ(Startups::source_of("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(Startups::source_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(Startups::source_of("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
  EXPECT_NE(Startups::source_of("2001:db8:1:3::1"), Startups::source_of("2001:db8:1:2::1"));
}

TEST(StartupsDeathTest, a_connection_is_counted_as_logged_in_once) {
  Startups startups({.unauthenticated = 3,
                     .drop_from = 3,
                     .unauthenticated_per_source = 2,
                     .connections_per_source = 3});
  EXPECT_TRUE(startups.admit("a", 0).ok());
  startups.authenticated("a");
  EXPECT_DEATH(startups.authenticated("a"), "counts.unauthenticated > 0");
}

TEST(StartupsDeathTest, a_connection_leaves_once_and_as_it_was_counted) {
  Startups startups({.unauthenticated = 3,
                     .drop_from = 3,
                     .unauthenticated_per_source = 2,
                     .connections_per_source = 3});
  EXPECT_DEATH(startups.leave("a", false), "counts.connections > 0");
  EXPECT_TRUE(startups.admit("a", 0).ok());
  EXPECT_DEATH(startups.leave("a", true), "counts.unauthenticated <= counts.connections");
}

}  // namespace
}  // namespace gatetape::gateway
