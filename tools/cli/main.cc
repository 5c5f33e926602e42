// gatetape is the command line. Each verb is a file tools/cli/verb_NAME.cc that adds the verb to
// the parser.
#include <CLI/CLI.hpp>
#include <clocale>
#include <cstdio>
#include <exception>

#include "client/context.h"
#include "tools/cli/verb_ca.h"
#include "tools/cli/verb_certs.h"
#include "tools/cli/verb_completion.h"
#include "tools/cli/verb_coverage.h"
#include "tools/cli/verb_doctor.h"
#include "tools/cli/verb_export.h"
#include "tools/cli/verb_hosts.h"
#include "tools/cli/verb_log.h"
#include "tools/cli/verb_ls.h"
#include "tools/cli/verb_migrate.h"
#include "tools/cli/verb_mirror.h"
#include "tools/cli/verb_play.h"
#include "tools/cli/verb_receipt.h"
#include "tools/cli/verb_search.h"
#include "tools/cli/verb_show.h"
#include "tools/cli/verb_up.h"
#include "tools/cli/verb_users.h"
#include "tools/cli/verb_verify.h"

namespace gatetape::tools {
namespace {

using AddVerb = void (*)(CLI::App&, client::Context&);
// The verbs in the order of --help.
constexpr AddVerb kVerbs[] = {add_ls,     add_show,     add_play,    add_search,  add_export,
                              add_verify, add_coverage, add_receipt, add_log,     add_mirror,
                              add_up,     add_ca,       add_certs,   add_migrate, add_completion,
                              add_doctor, add_hosts,    add_users};

int run(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // for the widths of characters
  client::Context context = client::make_context();
  CLI::App app("gatetape: search, replay and prove what passed through the SSH gateway");
  app.require_subcommand(1);
  app.fallthrough();  // --dir and --local may also follow the verb
  app.add_option("--dir", context.dir, "folder of the stack (GATETAPE_DIR)")
      ->each([&context](const std::string&) { context.dir_named = true; });
  app.add_flag("--local", context.local_time, "show times in the local time zone instead of UTC");
  for (AddVerb add : kVerbs) add(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? client::kExitOk : client::kExitUsage;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace gatetape::tools

int main(int argc, char** argv) {
  try {
    return gatetape::tools::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gatetape: %s\n", error.what());
    return gatetape::client::kExitError;
  }
}
