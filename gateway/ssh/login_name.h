// LoginName: the parsed SSH user name of a connection to the gateway. Pure; any thread.
//
//   alice            an outer connection of ssh -J; the key must be one of the user alice
//   jump             an outer connection of the user whose key it is
//   root@db1         a direct connection to db1 as root; also root@db1:2222 and root@[fd00::1]:22
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape::gateway {

struct LoginName {
  std::string user;    // "jump" or the name of the user; empty in the direct form
  std::string login;   // any bytes; empty unless the form is direct
  std::string target;  // empty unless the form is direct: a name or an address
  uint16_t port = 22;

  bool direct() const { return user.empty(); }
  // parse parses a user name, which may be hostile. It fails with INVALID_ARGUMENT when the name
  // has neither form or is longer than 255 bytes.
  static absl::StatusOr<LoginName> parse(std::string_view text);
};

}  // namespace gatetape::gateway
