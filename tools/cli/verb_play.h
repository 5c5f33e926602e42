// verb play: replays a session on this terminal, or prints its text. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_play adds the verb to the parser; it runs when the command line names it.
void add_play(CLI::App& app, Context& context);

}  // namespace gatetape::tools
