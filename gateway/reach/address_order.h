// The order in which the addresses of one name are tried. Pure; any thread.
#pragma once

#include <vector>

#include "base/os/socket_address.h"

namespace gatetape::gateway {

// interleave_families returns addresses in the order of RFC 8305 section 4: the families take
// turns, beginning with that of the first address, and within a family the order stays. At most
// kAddressesMax addresses are returned.
std::vector<SocketAddress> interleave_families(const std::vector<SocketAddress>& addresses);

// Addresses of one name. Further addresses are ignored, so that all of them are tried within two
// seconds.
constexpr size_t kAddressesMax = 8;

}  // namespace gatetape::gateway
