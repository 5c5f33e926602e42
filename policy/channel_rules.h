// Policy: which requests of a channel may pass to the target. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "policy/access.h"

namespace gatetape {

// starts_program tells whether the request runs the channel's one program (RFC 4254 section 6.5).
bool starts_program(std::string_view name);
// is_harmless_global tells whether a global request is one that libssh answers well, or that asks
// for nothing (OpenSSH's PROTOCOL), or that comes as a message too.
bool is_harmless_global(std::string_view name);
// denial_of returns why policy or the gateway denies a channel request, empty when it may pass.
std::string denial_of(const Grant& grant, std::string_view name, std::string_view data);

}  // namespace gatetape
