#include "gateway/ssh/login_name.h"

#include <algorithm>

#include "base/endpoint.h"

namespace gatetape::gateway {
namespace {

// Length of a user name, in bytes. A longer one is rejected before it is recorded; no system has
// longer ones.
constexpr size_t kNameBytesMax = 255;

bool is_graphic(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 0x7f; });
}

}  // namespace

absl::StatusOr<LoginName> LoginName::parse(std::string_view text) {
  if (text.size() > kNameBytesMax || !is_graphic(text))
    return absl::InvalidArgumentError("not a user name");
  LoginName name;
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) {
    name.user = text;
    return name;
  }
  name.login = text.substr(0, at);
  const absl::StatusOr<HostPort> target = parse_host_port(text.substr(at + 1), 22);
  if (name.login.empty() || !target.ok())
    return absl::InvalidArgumentError("the direct form is LOGIN@TARGET or LOGIN@TARGET:PORT");
  name.target = target->host;
  name.port = target->port;
  return name;
}

}  // namespace gatetape::gateway
