// AddressCache: the addresses of names, as long as their TTL says. Pure; the resolver owns it and
// guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/os/socket_address.h"

namespace gatetape::gateway {

class AddressCache {
 public:
  // Names that are kept. At the limit the name goes whose addresses become invalid first.
  static constexpr size_t kNamesMax = 1024;
  // Seconds for which addresses are kept at most, whatever their TTL is, so that a mistake in a DNS
  // zone does not outlive its correction by days.
  static constexpr int64_t kValidMaxS = 3600;

  // put keeps the addresses of an endpoint for `valid_s` seconds. With zero seconds it keeps
  // nothing.
  void put(const HostPort& endpoint, std::vector<SocketAddress> addresses, int64_t valid_s,
           int64_t mono_ns);
  // get returns the addresses of an endpoint, none when there are no valid ones.
  std::vector<SocketAddress> get(const HostPort& endpoint, int64_t mono_ns) const;
  size_t size() const { return names_.size(); }

 private:
  struct Entry {
    std::vector<SocketAddress> addresses;
    int64_t invalid_ns = 0;
  };
  std::map<std::string, Entry> names_;  // by the text of the endpoint
};

}  // namespace gatetape::gateway
