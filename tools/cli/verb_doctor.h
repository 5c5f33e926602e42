// Verb doctor checks every part of a stack and says what to do about each failure. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_doctor adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_doctor(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
