// verb verify: whether the record of one or all sessions is what was recorded. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_verify adds the verb to the parser; it runs when the command line names it.
void add_verify(CLI::App& app, Context& context);

}  // namespace gatetape::tools
