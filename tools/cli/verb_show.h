// verb show: all that is known of one session. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_show adds the verb to the parser; it runs when the command line names it.
void add_show(CLI::App& app, Context& context);

}  // namespace gatetape::tools
