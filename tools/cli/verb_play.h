// Verb play replays a session on this terminal, or prints its text. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_play adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_play(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
