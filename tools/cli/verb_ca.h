// Verb ca prints the public keys that targets and clients must trust. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_ca adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_ca(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
