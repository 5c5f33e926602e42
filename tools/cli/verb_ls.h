// verb ls: the sessions that match, newest first. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_ls adds the verb to the parser; it runs when the command line names it.
void add_ls(CLI::App& app, Context& context);

}  // namespace gatetape::tools
