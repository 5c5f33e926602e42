// `gatetape log accept`: the word of an administrator that an older database is right.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_log_accept adds `accept` to the verb `log`.
void add_log_accept(CLI::App& log, client::Context& context);

}  // namespace gatetape::tools
