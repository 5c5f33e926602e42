// LoginName: what the user name of a connection to the gateway asks for. Pure; any thread.
//
//   alice            the outer hop of ssh -J, checked against the key's user
//   jump             the same, for whoever the key belongs to
//   root@db1         directly to db1 as root; root@db1:2222 and root@[fd00::1]:22 too
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape::gateway {

struct LoginName {
  std::string person;  // the outer hop's name; empty for the direct form
  std::string login;   // of the direct form
  std::string target;  // of the direct form: a name or address
  uint16_t port = 22;

  bool direct() const { return person.empty(); }
  // parse takes any bytes; INVALID_ARGUMENT for what is neither form, or longer than 255 bytes.
  static absl::StatusOr<LoginName> parse(std::string_view text);
};

}  // namespace gatetape::gateway
