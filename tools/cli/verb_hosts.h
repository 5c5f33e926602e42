// Verb hosts lists the targets, and prints the host keys that a target presents now. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_hosts adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_hosts(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
