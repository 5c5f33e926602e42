// gatetape completion: what a shell needs to complete the command line. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_completion adds the verb to the parser; the context lives as long as the app.
void add_completion(CLI::App& app, Context& context);

}  // namespace gatetape::tools
