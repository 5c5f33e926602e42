// Supervisor runs the daemons of one `gatetape up`. It starts one after the other and waits for
// each until it is ready, starts a daemon again when it ends, and stops them in the opposite order.
// Main thread of a process without other threads.
//
// The calls, in this order: start(), once per daemon; run(); stop().
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/os/process.h"
#include "tools/stack/log_rotation.h"

namespace gatetape::tools {

struct Service {
  std::string name;
  ProcessSpec spec;
  int stop_signal = SIGTERM;
  int64_t stop_grace_ms = 20000;
  bool reloads = false;  // receives the SIGHUP that this process receives
  LogLimits log_limits;
};

class Supervisor {
 public:
  // The constructor blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for the process. The folder holds
  // the sockets on which services report that they are ready (sd_notify(3)).
  explicit Supervisor(std::string run_dir);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // start starts a service and waits for READY=1. UNAVAILABLE with the last line of its log when it
  // ended before, DEADLINE_EXCEEDED after 60 s, CANCELLED on SIGTERM or SIGINT.
  absl::Status start(Service service);
  // run keeps the services running until SIGTERM or SIGINT, and their logs below the limits. It
  // sends SIGHUP on to those that reload.
  void run();
  // stop stops all services, the last started first, and reports it on standard output.
  void stop();
  // interrupted returns true when SIGTERM or SIGINT is pending.
  static bool interrupted();

 private:
  struct Running {
    Service service;
    Process process;
    int64_t started_ms = 0;
    int64_t backoff_ms = 0;
    int64_t restart_at_ms = 0;  // 0 while the service runs
  };
  void look_after(Running* running);
  absl::Status wait_ready(int fd, Process* process, const Service& service);

  std::string run_dir_;
  std::vector<Running> services_;
};

}  // namespace gatetape::tools
