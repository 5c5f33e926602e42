// Tests the order in which the addresses of one name are tried.
#include "gateway/reach/address_order.h"

#include <gmock/gmock.h>

#include <string>

namespace gatetape::gateway {
namespace {

std::vector<std::string> interleaved(const std::vector<std::string>& hosts) {
  std::vector<SocketAddress> addresses;
  for (const std::string& host : hosts) addresses.push_back(*numeric_address({host, 22}));
  std::vector<std::string> texts;
  for (const SocketAddress& address : interleave_families(addresses))
    texts.push_back(address.to_text());
  return texts;
}

TEST(AddressOrder, the_families_take_turns_beginning_with_the_first) {
  EXPECT_THAT(interleaved({"fd00::1", "fd00::2", "fd00::3", "10.0.0.1", "10.0.0.2"}),
              testing::ElementsAre("[fd00::1]:22", "10.0.0.1:22", "[fd00::2]:22", "10.0.0.2:22",
                                   "[fd00::3]:22"));
  EXPECT_THAT(interleaved({"10.0.0.1", "fd00::1", "fd00::2"}),
              testing::ElementsAre("10.0.0.1:22", "[fd00::1]:22", "[fd00::2]:22"));
  EXPECT_THAT(interleaved({"10.0.0.1"}), testing::ElementsAre("10.0.0.1:22"));
  EXPECT_THAT(interleaved({}), testing::IsEmpty());
}

TEST(AddressOrder, the_second_family_is_among_the_first_eight) {
  std::vector<std::string> hosts;
  for (int i = 1; i <= 9; i++) hosts.push_back("fd00::" + std::to_string(i));
  hosts.push_back("10.0.0.1");
  const std::vector<std::string> order = interleaved(hosts);
  EXPECT_EQ(order.size(), 8u);
  EXPECT_EQ(order[1], "10.0.0.1:22");
}

}  // namespace
}  // namespace gatetape::gateway
