// Verb show prints everything that is known about one session. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_show adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_show(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
