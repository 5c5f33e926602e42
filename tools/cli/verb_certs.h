// Verb certs makes a private CA and certificates for mutual TLS between the daemons. Main thread.
#pragma once

#include <CLI/CLI.hpp>

#include "client/context.h"

namespace gatetape::tools {

// add_certs adds the verb to the parser, which runs it when the command line names it. The context
// must outlive the parser.
void add_certs(CLI::App& app, client::Context& context);

}  // namespace gatetape::tools
