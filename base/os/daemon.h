// What every daemon needs: arguments, the log, signals and systemd notifications. Main thread only,
// except the log functions (any thread).
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace gatetape {

// DaemonSignals blocks SIGTERM, SIGINT and SIGHUP, and ignores SIGPIPE. Construct it before any
// thread starts, because threads inherit the mask.
class DaemonSignals {
 public:
  DaemonSignals();
  // run waits for signals. SIGHUP calls `reload`; SIGTERM and SIGINT make run return.
  void run(const std::function<void()>& reload);
};

// DaemonArguments holds the arguments of every daemon: --config FILE, --version and --help. The
// last two print their text and exit with 0. A wrong argument prints one line and exits with 2.
struct DaemonArguments {
  std::string config;
};
DaemonArguments parse_daemon_arguments(int argc, char** argv, const std::string& program,
                                       const std::string& what_it_does);

// start_log starts the default logger of spdlog. It writes one JSON object per line to standard
// error, with the members ts, program, level, event and the fields of the event. `level` is debug,
// info, warn or error.
void start_log(const std::string& program, const std::string& level);

// log_debug, log_info, log_warn and log_error write one line. `event` is a snake_case word. A field
// is a key and any bytes, which are escaped. The log is never the only place of a fact that the
// audit needs: such a fact is a frame. Any thread.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;
void log_debug(std::string_view event, LogFields fields = {});
void log_info(std::string_view event, LogFields fields = {});
void log_warn(std::string_view event, LogFields fields = {});
void log_error(std::string_view event, LogFields fields = {});

// notify_ready, notify_reloading, notify_stopping and notify_status send the state to systemd
// (sd_notify). They do nothing when systemd did not start the process.
void notify_ready();
void notify_reloading();
void notify_stopping();
void notify_status(const std::string& status);

// version returns the version of the program: "0.1.0".
std::string version();

}  // namespace gatetape
