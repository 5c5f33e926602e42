// Endpoints and addresses as people write them: host:port, [v6]:port, unix:PATH, CIDR. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

struct HostPort {
  std::string host;  // lower case; an IPv6 address without brackets, in its shortest form
  uint16_t port = 0;
};

// parse_host_port reads `host:port`, `[v6]:port` and, when there is a default port, `host`, `v6`
// and `[v6]`. INVALID_ARGUMENT for anything else. A host is an address or a name of a-z 0-9 . _ -
// (RFC 1123 and underscore). Port 0 is a number like others.
absl::StatusOr<HostPort> parse_host_port(std::string_view text,
                                         std::optional<uint16_t> default_port = std::nullopt);
// format_host_port is the opposite: an IPv6 address gets brackets.
std::string format_host_port(const HostPort& endpoint);

// parse_ip gives the 4 or 16 bytes of an address in text, empty when it is none.
std::string parse_ip(std::string_view text);

// is_unix tells whether an endpoint is `unix:PATH`.
inline bool is_unix(std::string_view endpoint) { return endpoint.starts_with("unix:"); }

// AddressRange is an address or CIDR with an optional port: 10.2.2.7, 10.2.2.0/24:22, fd00::/8,
// [fd00::/8]:22.
struct AddressRange {
  std::string ip;  // 4 or 16 bytes
  int prefix_bits = 0;
  std::optional<uint16_t> port;

  // parse gives INVALID_ARGUMENT for anything else, also for bits set behind the prefix.
  static absl::StatusOr<AddressRange> parse(std::string_view text);
  // contains tells whether the address (as text) and port are inside; a name is never.
  bool contains(std::string_view host, uint16_t host_port) const;
};

// glob_matches tells whether the whole text matches a pattern of * (any run) and ? (any one byte).
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace gatetape
