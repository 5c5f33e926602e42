// transfer_program: the commands by which scp, rsync and git run their other half on the target.
// What passes through such a command is a protocol of that program, and not text. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace gatetape {

// transfer_program returns "scp", "rsync", "git" or "sftp" when `command` runs the server side of
// that program, and an empty text for any other command. It reads words and does not know the rules
// of a shell, so a command that hides the program in quotes or variables has an empty text. The
// bytes may be hostile.
std::string_view transfer_program(std::string_view command);

}  // namespace gatetape
