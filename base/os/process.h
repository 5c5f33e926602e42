// Process: a child program: started, perhaps as another user, waited for, stopped. Nothing of it
// survives us: when we die it is signalled too. One thread, and a process that has no other threads
// yet (fork).
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

  // find looks an account up; NOT_FOUND when there is none.
  static absl::StatusOr<RunUser> find(const std::string& name);
  // current is whoever runs us; its number as name when it has no account.
  static RunUser current();
};

// ActingAs does the file work of a scope as another account, with its primary group alone: what
// that account may not do is not done for it. Nothing happens without a user. All threads.
class ActingAs {
 public:
  explicit ActingAs(const std::optional<RunUser>& user);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  bool active_;
  gid_t gid_ = 0;  // ours
  std::vector<gid_t> groups_;
};

struct ProcessSpec {
  std::vector<std::string> argv;                   // argv[0]: a path, or a name that PATH finds
  std::map<std::string, std::string> environment;  // on top of ours
  std::optional<RunUser> user;                     // drop to it, with its groups; needs root
  std::string log_file;                            // standard output and error are appended here
  int input_fd = -1;                               // becomes standard input; else /dev/null
  int output_fd = -1;          // becomes standard output; else the log file, else ours
  int error_fd = -1;           // becomes standard error; else the log file, else ours
  int terminal_fd = -1;        // a pty's slave: becomes all three and the controlling terminal
  int death_signal = SIGTERM;  // what it gets when we die
};

class Process {
 public:
  // start runs the program in a session of its own, so that a Ctrl-C on our terminal is not its.
  // NOT_FOUND or PERMISSION_DENIED when it cannot be executed, UNAVAILABLE when the machine cannot.
  static absl::StatusOr<Process> start(const ProcessSpec& spec);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // A program that still runs is killed.
  ~Process();

  pid_t pid() const { return pid_; }
  // wait gives the exit code (128 + number after a signal), or nothing when it still runs after
  // `timeout_ms`; 0 only looks.
  std::optional<int> wait(int64_t timeout_ms);
  // send signals it; nothing happens once it ended.
  void send(int signal);
  // stop signals it, waits, and kills it when it has not ended after `grace_ms`; gives the exit
  // code.
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

// run_process runs a program to its end with `input` as standard input (at most 64 KiB) and gives
// what it wrote, 16 MiB at most. DEADLINE_EXCEEDED after `timeout_ms` (it is killed); else as
// Process::start. An exit code other than 0 is no error here.
absl::StatusOr<ProcessOutput> run_process(ProcessSpec spec, int64_t timeout_ms,
                                          const std::string& input = {});

}  // namespace gatetape
