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

}  // namespace
}  // namespace gatetape::auditd
