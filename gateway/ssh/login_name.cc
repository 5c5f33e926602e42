#include "gateway/ssh/login_name.h"

#include "base/endpoint.h"

namespace gatetape::gateway {
namespace {

// Length of a user name, in bytes. A longer one is rejected before it is recorded; no system has
// longer ones.
constexpr size_t kNameBytesMax = 255;

}  // namespace

absl::StatusOr<LoginName> LoginName::parse(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the user name is empty");
  if (text.size() > kNameBytesMax)
    return absl::InvalidArgumentError("the user name is longer than 255 bytes");
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
