#include "base/os/daemon.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"

namespace gatetape {
namespace {

sigset_t daemon_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

// json_escaped returns the inside of a JSON string. Bytes that are not text become \xHH first.
std::string json_escaped(std::string_view bytes) {
  std::string out;
  for (char c : printable(bytes)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void write_log(spdlog::level::level_enum level, std::string_view name, std::string_view event,
               const LogFields& fields) {
  if (!spdlog::should_log(level)) return;
  std::string line =
      "\"level\":\"" + std::string(name) + "\",\"event\":\"" + json_escaped(event) + '"';
  for (const auto& field : fields) {
    line += ",\"" + json_escaped(field.first) + "\":\"" + json_escaped(field.second) + '"';
  }
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(line.data(), line.size()));
}

[[noreturn]] void leave(FILE* stream, int code, const std::string& text) {
  std::fprintf(stream, "%s\n", text.c_str());
  std::exit(code);
}

}  // namespace

DaemonSignals::DaemonSignals() {
  const sigset_t set = daemon_signals();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
}

void DaemonSignals::run(const std::function<void()>& reload) {
  const sigset_t set = daemon_signals();
  while (true) {
    int number = 0;
    const int error = sigwait(&set, &number);
    CHECK(error == 0, error);
    if (number != SIGHUP) return;
    reload();
  }
}

DaemonArguments parse_daemon_arguments(int argc, char** argv, const std::string& program,
                                       const std::string& what_it_does) {
  constexpr std::string_view kConfig = "--config=";
  const std::string usage = "usage: " + program + " --config FILE";
  DaemonArguments arguments;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (argument == "--version") leave(stdout, 0, program + " " + version());
    if (argument == "--help" || argument == "-h") leave(stdout, 0, usage + "\n\n" + what_it_does);
    if (argument.starts_with(kConfig)) {
      arguments.config = argument.substr(kConfig.size());
    } else if (argument == "--config" && i + 1 < argc) {
      arguments.config = argv[++i];
    } else {
      leave(stderr, 2, program + ": wrong argument " + printable(argument) + "; " + usage);
    }
  }
  if (arguments.config.empty()) leave(stderr, 2, program + ": --config is missing; " + usage);
  return arguments;
}

void start_log(const std::string& program, const std::string& level) {
  auto logger =
      std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("{\"ts\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"program\":\"%n\",%v}",
                      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void log_debug(std::string_view event, LogFields fields) {
  write_log(spdlog::level::debug, "debug", event, fields);
}
void log_info(std::string_view event, LogFields fields) {
  write_log(spdlog::level::info, "info", event, fields);
}
void log_warn(std::string_view event, LogFields fields) {
  write_log(spdlog::level::warn, "warn", event, fields);
}
void log_error(std::string_view event, LogFields fields) {
  write_log(spdlog::level::err, "error", event, fields);
}

void notify_ready() { sd_notify(0, "READY=1"); }

void notify_reloading() {
  const std::string now_us = std::to_string(system_clock().mono_ns() / 1000);
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + now_us).c_str());
}

void notify_stopping() { sd_notify(0, "STOPPING=1"); }

void notify_status(const std::string& status) {
  sd_notify(0, ("STATUS=" + printable(status)).c_str());
}

std::string version() { return GATETAPE_VERSION; }

}  // namespace gatetape
