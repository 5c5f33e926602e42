// gatetape ca: the public keys that targets and clients are to trust. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_ca adds the verb to the parser; the context lives as long as the app.
void add_ca(CLI::App& app, Context& context);

}  // namespace gatetape::tools
