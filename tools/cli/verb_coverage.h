// Verb coverage prints what the record holds of each channel and request of a session. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_coverage adds the verb to the parser, which runs it when the command line names it. The
// context must outlive the parser.
void add_coverage(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
