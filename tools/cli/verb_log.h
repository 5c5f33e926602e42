// Verb log shows the signed log: its newest checkpoint, its key, and its checkpoints. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_log adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_log(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
