// verb export: one session in a form that other programs read. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_export adds the verb to the parser; it runs when the command line names it.
void add_export(CLI::App& app, Context& context);

}  // namespace gatetape::tools
