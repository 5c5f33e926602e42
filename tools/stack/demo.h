// Demo: a target, a user and one recorded session, to see the whole of it in a minute: a stock sshd
// on loopback that trusts the gateway's user CA, and the stock ssh client. Main thread.
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
  // there is none. FAILED_PRECONDITION when access.toml is another's.
  static absl::StatusOr<Demo> prepare(const StateDir& state, const Config& config);

  // target is the sshd for the supervisor.
  Service target() const;
  // drive_session runs a command without a terminal, then types a few into `ssh -J`.
  absl::Status drive_session();
  // show_record shows what was recorded: list, replay, search, verdict. The first that fails is
  // returned.
  absl::Status show_record();
  // print_hints prints what to try by hand.
  void print_hints() const;

 private:
  Demo(const StateDir& state, uint16_t gateway_port, uint16_t target_port);
  absl::Status write_target_files() const;
  absl::Status write_client_files(const Config& config) const;
  absl::Status write_access() const;
  absl::Status run_command();
  absl::StatusOr<std::string> wait_for_record() const;
  absl::StatusOr<std::string> show(const std::vector<std::string>& verb) const;
  std::vector<std::string> ssh(const std::vector<std::string>& more) const;

  StateDir state_;
  uint16_t gateway_port_;
  uint16_t target_port_;
  std::string login_;
  std::string shown_id_;  // of the session that show_record showed
};

}  // namespace gatetape::tools
