// Fuzz target of what people type: user names, endpoints, addresses, globs, session ids and times.
// Every one of these parsers reads the text of the input; two lines are a pattern and the text to
// match.

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "auditd/query/like.h"
#include "auditd/query/search_pattern.h"
#include "auditd/query/session_name.h"
#include "auditd/query/session_reader.h"
#include "base/endpoint.h"
#include "base/text_escape.h"
#include "client/times.h"
#include "gateway/ssh/login_name.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

std::string ip_text(const std::string& ip) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(ip.size() == 4 ? AF_INET : AF_INET6, ip.data(), text, sizeof text);
}

template <typename T>
bool refused(const absl::StatusOr<T>& parsed) {
  if (parsed.ok()) return false;
  CHECK(absl::IsInvalidArgument(parsed.status()), parsed.status());
  check_shown({parsed.status().message().data(), parsed.status().message().size()});
  return true;
}

void check_endpoint(std::string_view text) {
  for (const std::optional<uint16_t> port :
       {std::optional<uint16_t>{}, std::optional<uint16_t>{22}}) {
    const auto endpoint = parse_host_port(text, port);
    if (refused(endpoint)) continue;
    check_shown(endpoint->host);
    CHECK(!endpoint->host.empty() && endpoint->host.size() <= 253, endpoint->host);
    const auto again = parse_host_port(format_host_port(*endpoint));
    CHECK(again.ok(), again.status());
    CHECK(again->host == endpoint->host && again->port == endpoint->port, again->host);
  }
}

void check_range(std::string_view text) {
  const std::string ip = parse_ip(text);
  if (!ip.empty()) {
    CHECK(ip.size() == 4 || ip.size() == 16);
    CHECK(parse_ip(ip_text(ip)) == ip, ip_text(ip));
    CHECK(text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos);
  }
  const auto range = AddressRange::parse(text);
  if (refused(range)) return;
  CHECK(text.find_first_not_of("0123456789abcdefABCDEF.:[]/") == std::string_view::npos);
  CHECK(range->ip.size() == 4 || range->ip.size() == 16);
  const int bits = static_cast<int>(range->ip.size()) * 8;
  CHECK(range->prefix_bits >= 0 && range->prefix_bits <= bits, range->prefix_bits);
  const uint16_t port = range->port.value_or(22);
  CHECK(range->contains(ip_text(range->ip), port));
  CHECK(!range->port || !range->contains(ip_text(range->ip), static_cast<uint16_t>(port + 1)));
  CHECK(!range->contains("name", port));
  // The last bit of the prefix decides; the bit after it does not.
  for (const int bit : {range->prefix_bits - 1, range->prefix_bits}) {
    if (bit < 0 || bit >= bits) continue;
    std::string other = range->ip;
    char& byte = other[static_cast<size_t>(bit / 8)];
    byte = static_cast<char>(byte ^ (0x80 >> bit % 8));
    CHECK(range->contains(ip_text(other), port) == (bit == range->prefix_bits), bit);
  }
}

void check_login(std::string_view text) {
  const auto name = gateway::LoginName::parse(text);
  if (refused(name)) return;
  CHECK(text.size() <= 255 && !text.empty());
  if (!name->direct()) {
    CHECK(name->user == text && name->user.find('@') == std::string::npos);
    return;
  }
  check_shown(name->target);
  CHECK(!name->login.empty() && text.starts_with(name->login + "@"), name->login);
  CHECK(name->target.find('@') == std::string::npos, name->target);
  const std::string target = format_host_port({name->target, name->port});
  const auto again = gateway::LoginName::parse(name->login + "@" + target);
  CHECK(again.ok() || target.size() + name->login.size() >= 255, target);
  if (again.ok()) CHECK(again->target == name->target && again->login == name->login);
}

// matches returns the result by the plain definition: a table of prefixes, with `any` for a run of
// bytes and `one` for one byte.
bool matches(std::string_view pattern, std::string_view text, char any, char one, bool escapes) {
  std::vector<bool> row(text.size() + 1, false);
  row[0] = true;
  for (size_t p = 0; p < pattern.size(); p++) {
    const bool escaped = escapes && pattern[p] == '\\';
    if (escaped && ++p == pattern.size()) return false;
    std::vector<bool> next(text.size() + 1, false);
    const bool run = !escaped && pattern[p] == any;
    next[0] = run && row[0];
    for (size_t t = 1; t <= text.size(); t++) {
      const bool fits = (!escaped && pattern[p] == one) || pattern[p] == text[t - 1];
      next[t] = run ? next[t - 1] || row[t] : row[t - 1] && fits;
    }
    row = next;
  }
  return row.back();
}

void check_glob(std::string_view pattern, std::string_view text) {
  const bool expected = matches(pattern, text, '*', '?', false);
  CHECK(glob_matches(pattern, text) == expected, printable(pattern), printable(text));
  CHECK(matches(auditd::like_of_glob(pattern), text, '%', '_', true) == expected,
        auditd::like_of_glob(pattern));
}

// check_id_range CHECKs that the range has just the ids that begin with the digits.
void check_id_range(const auditd::IdRange& range, const std::string& digits) {
  CHECK(range.first <= range.second);
  for (const auto& [id, filler] : {std::pair(range.first, '0'), std::pair(range.second, 'f')})
    CHECK(to_hex(id.bytes()) == digits + std::string(32 - digits.size(), filler), id.to_text());
}

void check_session_name(std::string_view text) {
  const auto name = auditd::SessionName::parse(text);
  if (refused(name)) return;
  if (name->is_last()) {
    CHECK(name->back <= auditd::kLastBackMax, name->back);
    const std::string canonical = "last~" + std::to_string(name->back);
    CHECK(text == "last" ? name->back == 0
                         : auditd::SessionName::parse(canonical)->back == name->back);
    CHECK(text.starts_with("last"), printable(text));
    return;
  }
  std::string digits(text);
  std::erase(digits, '-');
  std::transform(digits.begin(), digits.end(), digits.begin(),
                 [](char c) { return static_cast<char>(std::tolower(c)); });
  CHECK(name->digits == digits && name->back == 0, name->digits);
  CHECK(digits.size() >= 4 && digits.size() <= 32, digits);
  CHECK(name->may_be_prefix() == (digits.size() >= 8), digits);
  check_id_range(name->prefix_range(), digits);
  std::reverse(digits.begin(), digits.end());
  check_id_range(name->suffix_range(), digits);
}

void check_query(std::string_view text) {
  const absl::Status address = auditd::check_address(text);
  if (!address.ok() || text.empty()) return;
  CHECK(text.find_first_not_of("0123456789abcdefABCDEF.:/") == std::string_view::npos,
        printable(text));
}

// What was recorded is found by its bytes and by the text that is shown, and both are the same
// search.
void check_search(std::string_view text) {
  const std::string shown = escape_text(text);
  check_shown(shown);
  CHECK(unescape_text(shown) == text, shown);
  CHECK(escape_text(unescape_text(escape_text(unescape_text(text)))) ==
            escape_text(unescape_text(text)),
        shown);
  check_shown(auditd::search_pattern(text).text);
  check_shown(auditd::search_pattern(text).text_v1.value_or(""));
  check_shown(auditd::search_regex(text).text);
}

void check_times(std::string_view text) {
  constexpr int64_t kNow = 1'767'323'045'000'000'000;
  const auto instant = client::parse_time(text, kNow, false);
  if (!refused(instant)) {
    check_shown(client::format_time(*instant, false));
    const std::string written = client::format_rfc3339(*instant, false);
    const auto again = client::parse_time(written, kNow, false);
    CHECK(again.ok(), written);
    const int64_t lost = *instant - *again;  // the part below one millisecond
    CHECK(lost >= 0 && lost < 1'000'000, written, lost);
  }
  const auto position = client::parse_position(text);
  if (refused(position)) return;
  CHECK(*position >= 0 && *position <= 1'000'000'000'000'000'000, *position);
  check_shown(client::format_span(*position));
  check_shown(client::format_bytes(static_cast<uint64_t>(*position)));
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const std::string_view text = fuzz::input(data, size);
  fuzz::check_endpoint(text);
  fuzz::check_range(text);
  fuzz::check_login(text);
  fuzz::check_session_name(text);
  fuzz::check_query(text);
  fuzz::check_search(text);
  fuzz::check_times(text);
  const size_t line = text.find('\n');
  const std::string_view second = line == std::string_view::npos ? "" : text.substr(line + 1);
  fuzz::check_glob(text.substr(0, std::min<size_t>(line, 200)), second.substr(0, 200));
  return 0;
}
