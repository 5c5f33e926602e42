// Verb up makes a whole stack on one machine and keeps it running. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_up adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_up(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
