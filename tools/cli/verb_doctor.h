// gatetape doctor: checks every part of a stack and says what to do. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_doctor adds the verb to the parser; the context lives as long as the app.
void add_doctor(CLI::App& app, Context& context);

}  // namespace gatetape::tools
