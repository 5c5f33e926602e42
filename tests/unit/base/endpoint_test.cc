#include "base/endpoint.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

using namespace std::string_view_literals;

TEST(Endpoint, what_comes_behind_a_nul_is_not_overlooked) {
  for (const std::string_view text : {"10.2.2.7\0"sv, "10.2.2.7\0x"sv, "::1\0x"sv})
    EXPECT_EQ(parse_ip(text), "");
  EXPECT_FALSE(parse_host_port("[::1\0x]:22"sv).ok());
  EXPECT_FALSE(AddressRange::parse("10.2.2.0\0x/24"sv).ok());
}

}  // namespace
}  // namespace gatetape
