// gatetape hosts: the targets, and their host keys as they show them now. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_hosts adds the verb to the parser; the context lives as long as the app.
void add_hosts(CLI::App& app, Context& context);

}  // namespace gatetape::tools
