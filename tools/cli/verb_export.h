// Verb export writes one session in a format that other programs read. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_export adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_export(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
