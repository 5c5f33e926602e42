// Tests which look-up starts next.
#include "gateway/reach/lookups.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

// LookupsOf has queries with the numbers 1, 2, 3 ... in the order of add().
class LookupsTest : public testing::Test {
 protected:
  uint64_t add(const std::string& user) {
    lookups_.add({.id = ++last_, .user = user, .endpoint = {"db1", 22}});
    return last_;
  }
  // next returns the user whose query was started, and an empty text when none was.
  std::string next() {
    const std::optional<Query> query = lookups_.next();
    if (query) started_ = query->id;
    return query ? query->user : "";
  }
  Lookups lookups_;
  uint64_t last_ = 0;
  uint64_t started_ = 0;
};

TEST_F(LookupsTest, slow_names_of_one_user_leave_room_for_others) {
  for (int i = 0; i < 100; i++) add("mallory");
  for (size_t i = 0; i < Lookups::kRunningPerUserMax; i++) EXPECT_EQ(next(), "mallory");
  EXPECT_EQ(next(), "") << "mallory waits for herself";
  add("alice");
  EXPECT_EQ(next(), "alice");
}

TEST_F(LookupsTest, users_take_turns) {
  for (int i = 0; i < 3; i++) add("alice");
  for (int i = 0; i < 2; i++) add("bob");
  EXPECT_EQ(next() + next() + next() + next() + next(), "alicebobalicebobalice");
}

TEST_F(LookupsTest, a_waiting_query_starts_when_one_of_its_user_has_ended) {
  for (size_t i = 0; i < Lookups::kRunningPerUserMax + 1; i++) add("alice");
  for (size_t i = 0; i < Lookups::kRunningPerUserMax; i++) next();
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(lookups_.end(1));
  EXPECT_EQ(next(), "alice");
  EXPECT_EQ(started_, Lookups::kRunningPerUserMax + 1);
}

TEST_F(LookupsTest, no_more_than_the_limit_run_at_the_same_time) {
  for (size_t i = 0; i <= Lookups::kRunningMax; i++) add("user" + std::to_string(i));
  for (size_t i = 0; i < Lookups::kRunningMax; i++) EXPECT_NE(next(), "");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(lookups_.running(), Lookups::kRunningMax);
}

TEST_F(LookupsTest, a_cancelled_query_does_not_start_and_frees_its_place) {
  const uint64_t waiting = add("alice");
  EXPECT_FALSE(lookups_.end(waiting)) << "it did not run";
  EXPECT_EQ(next(), "");
  const uint64_t running = add("alice");
  EXPECT_EQ(next(), "alice");
  EXPECT_TRUE(lookups_.end(running));
  EXPECT_FALSE(lookups_.end(running));
  EXPECT_EQ(lookups_.running(), 0u);
}

}  // namespace
}  // namespace gatetape::gateway
