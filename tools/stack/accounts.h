// Accounts are the accounts of the daemons of one stack that root starts: each daemon has its own,
// and the database cluster belongs to an account that no daemon runs as. Main thread.
#pragma once

#include "absl/status/statusor.h"
#include "base/os/process.h"

namespace gatetape::tools {

// The group of all accounts of the daemons. It may enter the folder of the stack.
inline constexpr char kStackGroup[] = "gatetape";

struct Accounts {
  RunUser gateway;
  RunUser recorder;
  RunUser auditd;
  RunUser database;  // gatetape-db, the owner of the cluster

  // find_or_make returns the accounts and makes the missing ones, as systemd-sysusers does when the
  // package is installed. The group id of each is that of kStackGroup. It needs root, and fails
  // with UNAVAILABLE when an account can be neither found nor made.
  static absl::StatusOr<Accounts> find_or_make();
};

}  // namespace gatetape::tools
