// Endpoints and addresses in the forms that people write: host:port, [v6]:port, unix:PATH and CIDR.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

struct HostPort {
  std::string host;  // lower case; an IPv6 address has no brackets and its shortest form
  uint16_t port = 0;
};

// parse_host_port parses `host:port` and `[v6]:port`. With a default port it also accepts `host`,
// `v6` and `[v6]`. It fails with INVALID_ARGUMENT for any other text. A host is an address, or a
// name of the characters a-z 0-9 . _ - (RFC 1123 and the underscore). Port 0 is accepted.
absl::StatusOr<HostPort> parse_host_port(std::string_view text,
                                         std::optional<uint16_t> default_port = std::nullopt);
// format_host_port returns the text that parse_host_port parses. An IPv6 address gets brackets.
std::string format_host_port(const HostPort& endpoint);

// parse_ip returns the 4 or 16 bytes of an address, and an empty string when the text is no
// address.
std::string parse_ip(std::string_view text);

// is_unix returns true for an endpoint of the form `unix:PATH`.
inline bool is_unix(std::string_view endpoint) { return endpoint.starts_with("unix:"); }

// AddressRange is an address or CIDR with an optional port: 10.2.2.7, 10.2.2.0/24:22, fd00::/8,
// [fd00::/8]:22.
struct AddressRange {
  std::string ip;  // 4 or 16 bytes
  int prefix_bits = 0;
  std::optional<uint16_t> port;

  // parse fails with INVALID_ARGUMENT for any other form, and when bits behind the prefix are set.
  static absl::StatusOr<AddressRange> parse(std::string_view text);
  // contains returns true when the address (as text) and the port are in the range. A name is in no
  // range.
  bool contains(std::string_view host, uint16_t host_port) const;
};

// glob_matches returns true when the pattern matches the whole text. In the pattern * stands for
// any bytes and ? for one byte.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace gatetape
