// Context is what every verb of the command line shares: the folder of the stack, how to print, and
// the exit code. main makes it; only the main thread uses it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/config.h"

namespace gatetape::client {

// Exit codes of `gatetape` (docs: the man page, EXIT STATUS).
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitDenied = 4,
  kExitTampered = 5,
  kExitUnreachable = 6,
};

struct Context {
  std::string dir;          // --dir, else GATETAPE_DIR, else the default folder
  std::string format;       // -o; empty = the default of the verb
  bool dir_named = false;   // `dir` comes from --dir or GATETAPE_DIR
  bool local_time = false;  // --local: times in the local zone instead of UTC
  bool stdout_is_tty = false;
  bool stderr_is_tty = false;
  bool color = false;       // escape sequences may be used on stdout
  int exit_code = kExitOk;  // what main returns

  // config_path returns DIR/gatetape.toml.
  std::string config_path() const { return dir + "/gatetape.toml"; }
  // config loads that file. NOT_FOUND or PERMISSION_DENIED, with advice in the text.
  absl::StatusOr<Config> config() const;
  // fail prints "gatetape: message" on standard error and sets the exit code that fits the status.
  // It does nothing when the status is OK.
  void fail(const absl::Status& status);
};

// make_context reads the environment and the terminal; the parser sets --dir and --local later.
Context make_context();
// default_dir returns GATETAPE_DIR, else /var/lib/gatetape for root, else
// $XDG_STATE_HOME/gatetape, else ~/.local/state/gatetape.
std::string default_dir();
// usual_dirs returns the folders in which a stack usually is: the ones of `gatetape up` and of its
// demonstration, for root and for this user, and the configuration folder of the packages.
std::vector<std::string> usual_dirs();
// exit_code_of returns the exit code of a status: NOT_FOUND 3, PERMISSION_DENIED 4, DATA_LOSS 5,
// UNAVAILABLE and DEADLINE_EXCEEDED 6, INVALID_ARGUMENT 2, else 1.
int exit_code_of(const absl::Status& status);

}  // namespace gatetape::client
