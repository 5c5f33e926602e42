#include "client/context.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"

namespace gatetape::client {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

constexpr char kSystemDir[] = "/var/lib/gatetape";

std::string user_dir() {
  if (std::string state = environment("XDG_STATE_HOME"); !state.empty()) return state + "/gatetape";
  return environment("HOME") + "/.local/state/gatetape";
}

}  // namespace

absl::StatusOr<Config> Context::config() const {
  absl::StatusOr<Config> loaded = Config::load(config_path());
  if (absl::IsNotFound(loaded.status()))
    return absl::NotFoundError("there is no stack in " + dir +
                               ": name its folder with --dir, or make a stack with `gatetape up`");
  if (absl::IsPermissionDenied(loaded.status()))
    return absl::PermissionDeniedError(
        "you may not read " + config_path() +
        ": run gatetape as root or as the account of the daemons, or see [auditd] allowed_users in "
        "gatetape.toml(5)");
  return loaded;
}

void Context::fail(const absl::Status& status) {
  if (status.ok()) return;
  // Other libraries write several lines; a message has one.
  std::vector<std::string> lines = absl::StrSplit(status.message(), '\n', absl::SkipWhitespace());
  for (std::string& line : lines) absl::StripAsciiWhitespace(&line);
  std::fprintf(stderr, "gatetape: %s\n", printable(absl::StrJoin(lines, "; ")).c_str());
  exit_code = exit_code_of(status);
}

Context make_context() {
  Context context;
  context.dir = default_dir();
  context.dir_named = !environment("GATETAPE_DIR").empty();
  context.stdout_is_tty = isatty(STDOUT_FILENO) == 1;
  context.stderr_is_tty = isatty(STDERR_FILENO) == 1;
  context.color =
      context.stdout_is_tty && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  return context;
}

std::string default_dir() {
  if (std::string dir = environment("GATETAPE_DIR"); !dir.empty()) return dir;
  return geteuid() == 0 ? kSystemDir : user_dir();
}

std::vector<std::string> usual_dirs() {
  std::vector<std::string> dirs;
  for (const std::string& dir : {std::string(kSystemDir), user_dir()})
    dirs.insert(dirs.end(), {dir, dir + "-demo"});
  dirs.emplace_back("/etc/gatetape");
  return dirs;
}

int exit_code_of(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kPermissionDenied:
      return kExitDenied;
    case absl::StatusCode::kDataLoss:
      return kExitTampered;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    default:
      return kExitError;
  }
}

}  // namespace gatetape::client
