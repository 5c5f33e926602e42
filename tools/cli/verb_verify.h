// Verb verify checks that the record of one or of all sessions is what was recorded. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_verify adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_verify(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
