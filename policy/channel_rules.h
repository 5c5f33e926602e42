// channel_rules: decides which requests of a channel may pass to the target. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/access.h"

namespace gatetape {

// Right is what a role allows that the program of a channel uses.
enum class Right : uint8_t { kNone, kShell, kExec, kSftp };

// starts_program returns true when the request starts a program (RFC 4254 section 6.5). A channel
// has at most one program.
bool starts_program(std::string_view name);
// tells_denial returns true for the requests that a user makes on purpose and whose failure a
// client does not explain: a shell and a command. Configurations ask for an agent or X11 with each
// command, and every client reports a subsystem that fails.
bool tells_denial(std::string_view name);
// is_harmless_global returns true when a global request needs no denial: libssh answers it
// correctly, or it asks for nothing (OpenSSH's PROTOCOL), or it also arrives as a message, which is
// decided elsewhere.
bool is_harmless_global(std::string_view name);
// denial_of returns the reason why a channel request is denied, or an empty string when it may
// pass. `data` is the type-specific part of the request, which may be hostile.
std::string denial_of(const Grant& grant, std::string_view name, std::string_view data);
// right_of returns the right that the program of such a request uses, kNone when the request starts
// no program that a role can allow.
Right right_of(std::string_view name, std::string_view data);
// denial_of_right returns the reason why the grant does not hold the right, or an empty string when
// it does. Every grant holds kNone.
std::string denial_of_right(const Grant& grant, Right right);

}  // namespace gatetape
