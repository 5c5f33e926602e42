// replace_file: writes a file so that it appears complete or not at all. sync_folder makes that
// durable. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace gatetape {

// replace_file writes a new file of the given mode beside `path`, and renames it to `path` when
// `write` returned OK and the bytes are on the disk. Before that, and after a failure, the old file
// at `path` stays. It returns the status of `write`, or UNKNOWN with the path and the reason of the
// system.
absl::Status replace_file(const std::string& path, mode_t mode,
                          const std::function<absl::Status(std::FILE* file)>& write);

// sync_folder returns OK when the names of the files in `dir` are on the disk. Without it, a crash
// of the machine may bring back the file that replace_file has replaced. It returns UNKNOWN with
// the path and the reason of the system.
absl::Status sync_folder(const std::string& dir);

}  // namespace gatetape
