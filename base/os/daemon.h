// Daemon plumbing: arguments, log, signals, systemd. main thread only, but for log().
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace gatetape {

// DaemonSignals blocks SIGTERM, SIGINT and SIGHUP (make it before any thread exists), ignores
// SIGPIPE.
class DaemonSignals {
 public:
  DaemonSignals();
  // run waits: SIGHUP calls `reload`; SIGTERM or SIGINT returns.
  void run(const std::function<void()>& reload);
};

// DaemonArguments is what every daemon takes: --config FILE, --version, --help (the last two print
// and exit 0; a bad argument prints one line and exits 2).
struct DaemonArguments {
  std::string config;
};
DaemonArguments parse_daemon_arguments(int argc, char** argv, const std::string& program,
                                       const std::string& what_it_does);

// start_log sets up spdlog's default logger: one JSON object a line on standard error with ts,
// level, program, event and fields. `level`: debug, info, warn, error.
void start_log(const std::string& program, const std::string& level);

// log_info/log_warn/log_error write one line: event is a snake_case word, each field a key and any
// bytes (escaped). Never the only place for an audit fact. Any thread.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;
void log_debug(std::string_view event, LogFields fields = {});
void log_info(std::string_view event, LogFields fields = {});
void log_warn(std::string_view event, LogFields fields = {});
void log_error(std::string_view event, LogFields fields = {});

// notify_ready / notify_reloading / notify_stopping / notify_status tell systemd (sd_notify);
// nothing happens without it.
void notify_ready();
void notify_reloading();
void notify_stopping();
void notify_status(const std::string& status);

// version gives the program's version, "0.1.0".
std::string version();

}  // namespace gatetape
