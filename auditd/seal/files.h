// The few operations on files that publishing needs. Whoever serves the log reads them as another
// account, so files are readable by all, whatever the umask. Any thread.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatetape::auditd {

// read_if_there returns the bytes of a file; nothing when there is no file. It fails with
// UNAVAILABLE when the file cannot be read, and RESOURCE_EXHAUSTED when it is larger than 1 MiB.
absl::StatusOr<std::optional<std::string>> read_if_there(const std::string& path);

// Folders are a folder, and the path of folders below it that are made when they are missing.
struct Folders {
  std::string base;
  std::string below;
};
// make_folders makes the missing ones of them, also the base. UNAVAILABLE when one cannot be made.
absl::Status make_folders(const Folders& folders);

struct PublicFile {
  std::string path;
  std::string bytes;
};
// write_public writes a file aside and renames it. append_public appends to a file. Both return OK
// when the bytes are on the disk, and UNAVAILABLE with the path and the reason otherwise.
absl::Status write_public(const PublicFile& file);
absl::Status append_public(const PublicFile& file);
// sync_folder makes the names of new files in a folder durable.
absl::Status sync_folder(const std::string& folder);
// remove_file removes a file and makes that durable.
absl::Status remove_file(const std::string& path);

}  // namespace gatetape::auditd
