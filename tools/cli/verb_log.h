// `gatetape log`: the transparency log.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

void add_log(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
