// gatetape certs: a private CA and certificates for mutual TLS between the daemons. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_certs adds the verb to the parser; the context lives as long as the app.
void add_certs(CLI::App& app, Context& context);

}  // namespace gatetape::tools
