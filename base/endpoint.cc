#include "base/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace gatetape {
namespace {

bool parse_port(std::string_view text, uint16_t* port) {
  uint32_t number = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) ||
      number > 65535)
    return false;
  *port = static_cast<uint16_t>(number);
  return true;
}

bool is_host_name(std::string_view text) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 253 && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), allowed);
}

std::string canonical_host(std::string_view host) {
  const std::string ip = parse_ip(host);
  if (ip.size() != 16) return absl::AsciiStrToLower(absl::string_view(host.data(), host.size()));
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, ip.data(), text, sizeof text);
}

absl::Status bad(std::string_view text, std::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("`", printable(text), "` is not ", std::string(wanted)));
}

// split_port splits `[inner]:port` or `inner:port`. `port` stays empty when the text has none. A
// text without brackets that has two or more colons is an IPv6 address without a port. split_port
// returns false when a bracket is not closed.
bool split_port(std::string_view text, std::string_view* inner, std::string_view* port) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    *inner = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (rest.empty()) return true;
    *port = rest.substr(1);
    return rest.front() == ':' && !port->empty();
  }
  const size_t colon = text.rfind(':');
  *inner = text;
  if (colon == std::string_view::npos || text.find(':') != colon) return true;
  *inner = text.substr(0, colon);
  *port = text.substr(colon + 1);
  return !port->empty();
}

// bit returns bit `index` of an address, counted from the left.
bool bit(std::string_view ip, int index) {
  const auto byte = static_cast<uint8_t>(ip[static_cast<size_t>(index / 8)]);
  return (byte >> (7 - index % 8) & 1) != 0;
}

}  // namespace

absl::StatusOr<HostPort> parse_host_port(std::string_view text,
                                         std::optional<uint16_t> default_port) {
  constexpr std::string_view kWanted = "host:port or [v6]:port";
  std::string_view host, port_text;
  if (!split_port(text, &host, &port_text)) return bad(text, kWanted);
  const bool is_v6 = parse_ip(host).size() == 16;
  if (!is_v6 && (text.starts_with('[') || !is_host_name(host))) return bad(text, kWanted);
  HostPort endpoint{canonical_host(host), default_port.value_or(0)};
  if (port_text.empty() && !default_port) return bad(text, kWanted);
  if (!port_text.empty() && !parse_port(port_text, &endpoint.port)) return bad(text, kWanted);
  return endpoint;
}

std::string format_host_port(const HostPort& endpoint) {
  const bool is_v6 = endpoint.host.find(':') != std::string::npos;
  return absl::StrCat(is_v6 ? "[" : "", endpoint.host, is_v6 ? "]:" : ":", endpoint.port);
}

std::string parse_ip(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return {};  // inet_pton would stop at the NUL
  char bytes[16];
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return std::string(bytes, 4);
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return std::string(bytes, 16);
  return {};
}

absl::StatusOr<AddressRange> AddressRange::parse(std::string_view text) {
  constexpr std::string_view kWanted =
      "an address or CIDR such as 10.2.2.0/24, 10.2.2.7:22, [fd00::/8]:22";
  std::string_view network, port_text;
  if (!split_port(text, &network, &port_text)) return bad(text, kWanted);
  const size_t slash = network.find('/');
  AddressRange range;
  range.ip = parse_ip(network.substr(0, slash));
  const int bits = static_cast<int>(range.ip.size()) * 8;
  range.prefix_bits = bits;
  if (bits == 0 || (bits == 32 && text.starts_with('['))) return bad(text, kWanted);
  if (slash != std::string_view::npos) {
    uint16_t prefix = 0;
    if (!parse_port(network.substr(slash + 1), &prefix) || prefix > bits) return bad(text, kWanted);
    range.prefix_bits = prefix;
  }
  for (int i = range.prefix_bits; i < bits; i++)
    if (bit(range.ip, i)) return bad(text, "a network, because bits behind its prefix are set");
  uint16_t port = 0;
  if (!port_text.empty()) {
    if (!parse_port(port_text, &port) || port == 0) return bad(text, kWanted);
    range.port = port;
  }
  return range;
}

bool AddressRange::contains(std::string_view host, uint16_t host_port) const {
  const std::string other = parse_ip(host);
  if (other.size() != ip.size() || (port && *port != host_port)) return false;
  for (int i = 0; i < prefix_bits; i++)
    if (bit(ip, i) != bit(other, i)) return false;
  return true;
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      p++;
      t++;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace gatetape
