// Process: a child process. It can run as another account, and its owner can wait for it and stop
// it. A child process receives `death_signal` when this process dies (PR_SET_PDEATHSIG). Use it
// from one thread, in a process that has no other threads yet, because it calls fork.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace gatetape {

// RunUser is an account of this machine.
struct RunUser {
  std::string name;
  std::string home;
  uid_t uid = 0;
  gid_t gid = 0;

  // find returns the account of this name, and fails with NOT_FOUND when there is none.
  static absl::StatusOr<RunUser> find(const std::string& name);
  // current returns the account that runs this process. A user id without an account gets its
  // number as the name.
  static RunUser current();
};

// ActingAs performs the file operations of a scope as another account, with the primary group of
// that account alone, so that the kernel applies the permissions of that account. Without a user it
// does nothing. It affects all threads of the process.
class ActingAs {
 public:
  explicit ActingAs(const std::optional<RunUser>& user);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  bool active_;
  gid_t gid_ = 0;  // of this process, to be restored
  std::vector<gid_t> groups_;
};

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is a path, or a name to look up in PATH
  std::map<std::string, std::string> environment;  // added to the environment of this process
  std::optional<RunUser> user;  // the child runs as it, with its groups; needs root
  std::string log_file;         // standard output and error are appended here
  // This process opens log_file, and not `user`: the folder of the log is not the user's.
  bool parent_opens_log = false;
  bool binds_low_ports = false;  // the child of `user` keeps CAP_NET_BIND_SERVICE
  int input_fd = -1;             // becomes standard input; without it /dev/null does
  int output_fd = -1;          // becomes standard output; without it log_file, or the inherited one
  int error_fd = -1;           // becomes standard error; without it log_file, or the inherited one
  int terminal_fd = -1;        // the slave of a pty: becomes all three and the controlling terminal
  int death_signal = SIGTERM;  // sent to the child when this process dies
};

class Process {
 public:
  // start starts the program in a session of its own (setsid), so that Ctrl-C on this terminal does
  // not reach it. It fails with NOT_FOUND or PERMISSION_DENIED when the program cannot be executed,
  // and with UNAVAILABLE when the kernel cannot create a process.
  static absl::StatusOr<Process> start(const ProcessSpec& spec);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // The destructor kills a program that still runs.
  ~Process();

  pid_t pid() const { return pid_; }
  // wait waits at most `timeout_ms` and returns the exit code (128 + signal number for a signal),
  // or nothing when the program still runs. With 0 it does not wait.
  std::optional<int> wait(int64_t timeout_ms);
  // send sends a signal. It does nothing when the program has ended.
  void send(int signal);
  // stop sends a signal, waits at most `grace_ms` for the end of the program, then kills it. It
  // returns the exit code.
  int stop(int signal, int64_t grace_ms);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

struct ProcessOutput {
  int exit_code = 0;
  std::string output;  // standard output
  std::string errors;  // standard error
};

// run_process starts a program with `input` (at most 64 KiB) on standard input, waits for its end
// and returns its output, at most 16 MiB of each stream. It fails with DEADLINE_EXCEEDED after
// `timeout_ms` and kills the program; otherwise it fails as Process::start does. An exit code other
// than 0 is not a failure.
absl::StatusOr<ProcessOutput> run_process(ProcessSpec spec, int64_t timeout_ms,
                                          const std::string& input = {});

}  // namespace gatetape
