// gatetape users: the users, their keys and roles. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_users adds the verb to the parser; the context lives as long as the app.
void add_users(CLI::App& app, Context& context);

}  // namespace gatetape::tools
