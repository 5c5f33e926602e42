// Verb users lists the users with their keys and roles. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_users adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_users(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
