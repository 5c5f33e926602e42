#include "gateway/reach/address_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gatetape::gateway {

void AddressCache::put(const HostPort& endpoint, std::vector<SocketAddress> addresses,
                       int64_t valid_s, int64_t mono_ns) {
  if (valid_s <= 0) return;
  const int64_t kept_ns = std::min(valid_s, kValidMaxS) * 1'000'000'000;
  const std::string name = format_host_port(endpoint);
  if (names_.size() == kNamesMax && names_.count(name) == 0) {
    const auto is_earlier = [](const auto& left, const auto& right) {
      return left.second.invalid_ns < right.second.invalid_ns;
    };
    names_.erase(std::min_element(names_.begin(), names_.end(), is_earlier));
  }
  names_[name] = {std::move(addresses), mono_ns + kept_ns};
  CHECK(names_.size() <= kNamesMax, names_.size());
}

std::vector<SocketAddress> AddressCache::get(const HostPort& endpoint, int64_t mono_ns) const {
  const auto found = names_.find(format_host_port(endpoint));
  if (found == names_.end() || mono_ns >= found->second.invalid_ns) return {};
  return found->second.addresses;
}

}  // namespace gatetape::gateway
