// Demo is a target, a user and one recorded session, for a first look at gatetape: a stock sshd on
// loopback that trusts the gateway's user CA, and the stock ssh client. Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "policy/config.h"
#include "tools/stack/state_dir.h"
#include "tools/stack/supervisor.h"

namespace gatetape::tools {

class Demo {
 public:
  // prepare writes DIR/demo (keys, sshd_config, ssh_config, known_hosts), and access.toml when
  // there is no such file. FAILED_PRECONDITION when access.toml does not let alice reach the
  // target.
  static absl::StatusOr<Demo> prepare(const StateDir& state, const Config& config);

  // target returns the sshd as a service for the supervisor.
  Service target() const;
  // drive_session runs one command without a terminal, then types commands into `ssh -J`.
  absl::Status drive_session();
  // show_record runs the verbs that list, replay, search and verify the recorded session. It stops
  // at the first failure and returns it.
  absl::Status show_record();
  // print_hints prints what to try by hand.
  void print_hints() const;

 private:
  struct Ports {
    uint16_t gateway = 0;
    uint16_t target = 0;
  };
  Demo(const StateDir& state, const Ports& ports);
  absl::Status write_target_files() const;
  absl::Status write_client_files(const Config& config) const;
  absl::Status write_access() const;
  absl::Status run_command();
  absl::StatusOr<std::string> wait_for_record() const;
  absl::StatusOr<std::string> show(const std::vector<std::string>& verb) const;
  std::vector<std::string> ssh(const std::vector<std::string>& more) const;

  StateDir state_;
  Ports ports_;
  std::string login_;
};

}  // namespace gatetape::tools
