// Tests how long the addresses of a name are kept.
#include "gateway/reach/address_cache.h"

#include <gtest/gtest.h>

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class AddressCacheTest : public testing::Test {
 protected:
  void put(const std::string& host, int64_t valid_s) {
    cache_.put({host, 22}, {*numeric_address({"10.0.0.1", 22})}, valid_s, 0);
  }
  bool has(const std::string& host, int64_t mono_ns) {
    return !cache_.get({host, 22}, mono_ns).empty();
  }
  AddressCache cache_;
};

TEST_F(AddressCacheTest, addresses_are_kept_as_long_as_their_ttl) {
  put("db1", 30);
  EXPECT_TRUE(has("db1", 30 * kSecondNs - 1));
  EXPECT_FALSE(has("db1", 30 * kSecondNs));
  EXPECT_FALSE(has("db2", 0));
  EXPECT_TRUE(cache_.get({"db1", 23}, 0).empty()) << "another port";
  put("hosts-file", 0);
  EXPECT_FALSE(has("hosts-file", 0));
}

TEST_F(AddressCacheTest, no_ttl_is_longer_than_an_hour) {
  put("db1", 7 * 86400);
  EXPECT_TRUE(has("db1", 3600 * kSecondNs - 1));
  EXPECT_FALSE(has("db1", 3600 * kSecondNs));
}

TEST_F(AddressCacheTest, at_the_limit_the_name_that_is_valid_shortest_goes) {
  put("short", 1);
  for (size_t i = 1; i < AddressCache::kNamesMax; i++) put("db" + std::to_string(i), 60);
  put("db1", 61);
  EXPECT_TRUE(has("short", 0)) << "a known name needs no room";
  put("new", 60);
  EXPECT_EQ(cache_.size(), AddressCache::kNamesMax);
  EXPECT_FALSE(has("short", 0));
  EXPECT_TRUE(has("new", 0));
}

}  // namespace
}  // namespace gatetape::gateway
