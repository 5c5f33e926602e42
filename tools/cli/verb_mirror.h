// Verb mirror keeps an auditor's own copy of the checkpoints of a log, and names a fork. Main
// thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_mirror adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_mirror(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
