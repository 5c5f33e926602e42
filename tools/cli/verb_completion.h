// Verb completion prints the completion script of a shell. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_completion adds the verb to the parser, which runs it when the command line names it. The
// context must outlive the parser.
void add_completion(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
