// Verb search finds sessions by what was done in them and by whom. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_search adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_search(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
