// confine takes from a daemon what it never needs, before it reads its keys. The units of systemd
// do the same from outside; confine does it however the daemon was started. Main thread, before any
// other thread starts.
#pragma once

#include "absl/status/status.h"

namespace gatetape {

// forbid_core_dumps sets the limit of core files to 0, for this process and its children: a core
// file would hold keys and what people typed. It fails with INTERNAL.
absl::Status forbid_core_dumps();

// confine forbids core dumps, makes this process unreadable for other processes of its account
// (PR_SET_DUMPABLE), gives up gaining privileges (no_new_privs), and refuses with EPERM the system
// calls that the SystemCallFilter of the units refuses. It fails with INTERNAL when the kernel
// cannot do one of these.
absl::Status confine();

}  // namespace gatetape
