#include <gtest/gtest.h>

#include "auditd/query/session_reader.h"

namespace gatetape::auditd {
namespace {

TEST(QueryTest, an_address_is_what_postgresql_takes_as_one) {
  for (const char* text : {"", "10.0.0.1", "10.0.0.0/8", "10.0.0.0/32", "fd00::/8", "::1/128"})
    EXPECT_TRUE(check_address(text).ok()) << text;
  for (const char* text : {"x", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/ 8", "10.0.0.0/+8",
                           "10.0.0.0/8 ", "10.0.0.0/-1", "fd00::/129", "10.0.0.0/8/8"})
    EXPECT_EQ(check_address(text).code(), absl::StatusCode::kInvalidArgument) << text;
}

TEST(QueryTest, a_prefix_spans_its_ids_in_their_order) {
  const auto range = id_range("019c1a2b");
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->first.to_text(), "019c1a2b-0000-0000-0000-000000000000");
  EXPECT_EQ(range->second.to_text(), "019c1a2b-ffff-ffff-ffff-ffffffffffff");
  EXPECT_LT(range->first, range->second);
  EXPECT_LT(range->second, newest_possible());
}

}  // namespace
}  // namespace gatetape::auditd
