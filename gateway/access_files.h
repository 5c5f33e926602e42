// The access rules as files: access.toml, and a copy of the last rules that took effect, so that a
// gateway that restarts while access.toml is bad goes on under them. The copy is access.toml.good
// beside the file, or in the folder STATE_DIRECTORY that systemd gives to the unit. Main thread and
// the threads of the record's link.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "gateway/session/access_rules.h"

namespace gatetape::gateway {

// load_access reads access.toml and the key files that it names.
AccessLoad load_access(const std::string& path);
// load_kept_access reads the copy for an access.toml at `path`. It fails also when the copy is not
// what keep_access wrote.
AccessLoad load_kept_access(const std::string& path);
// keep_access writes the copy of the rules of a load of access.toml.
absl::Status keep_access(const AccessLoad& load);

}  // namespace gatetape::gateway
