// gatetape up: a whole stack on one machine, made and kept alive. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_up adds the verb to the parser; the context lives as long as the app.
void add_up(CLI::App& app, Context& context);

}  // namespace gatetape::tools
