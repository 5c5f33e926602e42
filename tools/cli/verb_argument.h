// The argument ID of every verb that works on one session. Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace gatetape::tools {

// The name of the argument. The completion scripts offer sessions to the verbs that have it.
constexpr char kSessionArgument[] = "id";

// add_session_argument adds the argument to a verb and returns it. The text goes to auditd as it is
// typed, because auditd alone knows which sessions the asker may see.
inline CLI::Option* add_session_argument(CLI::App* verb, std::string* id) {
  return verb->add_option(kSessionArgument, *id,
                          "session: its id, the first 8 or the last 4 digits of it or more, last, "
                          "or last~N");
}

}  // namespace gatetape::tools
