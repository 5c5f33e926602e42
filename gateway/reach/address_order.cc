#include "gateway/reach/address_order.h"

#include <algorithm>

namespace gatetape::gateway {

std::vector<SocketAddress> interleave_families(const std::vector<SocketAddress>& addresses) {
  std::vector<SocketAddress> first, second, order;
  for (const SocketAddress& address : addresses) {
    const bool is_first = address.storage.ss_family == addresses.front().storage.ss_family;
    (is_first ? first : second).push_back(address);
  }
  for (size_t i = 0; i < std::max(first.size(), second.size()); i++) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  if (order.size() > kAddressesMax) order.resize(kAddressesMax);
  return order;
}

}  // namespace gatetape::gateway
