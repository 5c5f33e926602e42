#include "tools/cli/verb_log.h"

#include "tools/cli/verb_log_accept.h"

namespace gatetape::tools {

void add_log(CLI::App& app, client::Context& context) {
  CLI::App* verb = app.add_subcommand("log", "the log that proves which sessions there were");
  verb->require_subcommand(1);
  add_log_accept(*verb, context);
}

}  // namespace gatetape::tools
