// Verb receipt prints a signed receipt of a session, and verifies one. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_receipt adds the verb to the parser, which runs it when the command line names it. The
// context must outlive the parser.
void add_receipt(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
