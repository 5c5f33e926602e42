// Context: what every verb of the command line shares: where the stack is, how to print, and the
// exit code to return. Made by main; the main thread alone uses it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/config.h"

namespace gatetape {

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
  std::string dir;          // --dir, else GATETAPE_DIR, else the default state folder
  std::string format;       // -o; empty = the verb's own default
  bool local_time = false;  // --local: times in this machine's zone, else UTC
  bool stdout_is_tty = false;
  bool stderr_is_tty = false;
  bool color = false;       // escape sequences may be used on stdout
  int exit_code = kExitOk;  // what main returns

  // config_path gives DIR/gatetape.toml.
  std::string config_path() const { return dir + "/gatetape.toml"; }
  // config loads it; NOT_FOUND or PERMISSION_DENIED, with advice, when it cannot.
  absl::StatusOr<Config> config() const;
  // fail prints "gatetape: message" on standard error and sets the exit code that fits the status.
  // Nothing happens when it is OK.
  void fail(const absl::Status& status);
};

// make_context takes the facts from the environment and the terminal; --dir and --local come later.
Context make_context();
// default_dir gives GATETAPE_DIR, else /var/lib/gatetape as root, else $XDG_STATE_HOME/gatetape,
// else
// ~/.local/state/gatetape.
std::string default_dir();
// exit_code_of maps a status to an exit code: NOT_FOUND 3, PERMISSION_DENIED 4, DATA_LOSS 5,
// UNAVAILABLE and DEADLINE_EXCEEDED 6, INVALID_ARGUMENT 2, else 1.
int exit_code_of(const absl::Status& status);

}  // namespace gatetape
