// Supervisor: the daemons of one `gatetape up`: started one after the other, each waited for until
// it is ready; started again when they die; stopped in the opposite order. Main thread of a process
// without other threads.
//
//   start() ... start() -> run() -> stop()
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/os/process.h"

namespace gatetape::tools {

struct Service {
  std::string name;
  ProcessSpec spec;
  int stop_signal = SIGTERM;
  int64_t stop_grace_ms = 20000;
  bool reloads = false;  // gets our SIGHUP
};

class Supervisor {
 public:
  // Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for the process. The folder takes the sockets on
  // which services tell that they are ready (sd_notify(3)).
  explicit Supervisor(std::string run_dir);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // start starts a service and waits for READY=1. UNAVAILABLE with the end of its log when it ended
  // before, DEADLINE_EXCEEDED when it took longer than 60 s, CANCELLED on SIGTERM or SIGINT.
  absl::Status start(Service service);
  // run keeps the services alive until SIGTERM or SIGINT; SIGHUP is passed on to those that reload.
  void run();
  // stop stops all, the last started first; says so on standard output.
  void stop();
  // interrupted tells whether SIGTERM or SIGINT is waiting.
  static bool interrupted();

 private:
  struct Running {
    Service service;
    Process process;
    int64_t started_ms = 0;
    int64_t backoff_ms = 0;
    int64_t restart_at_ms = 0;  // 0 = it runs
  };
  void look_after(Running* running);
  absl::Status wait_ready(int fd, Process* process, const Service& service);

  std::string run_dir_;
  std::vector<Running> services_;
};

}  // namespace gatetape::tools
