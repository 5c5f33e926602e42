// give changes the owner of files that root keeps for other accounts. It follows no symbolic link,
// and it touches no file with a second name, so that an account cannot have a file of somebody else
// given to it. Main thread of a process of root.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace gatetape::tools {

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// give_file changes the owner of a regular file. FAILED_PRECONDITION for anything else.
absl::Status give_file(const std::string& path, const Owner& to);
// give_folder changes the owner and the mode of a folder, and not of what is in it.
absl::Status give_folder(const std::string& path, const Owner& to, mode_t mode);
// give_tree changes the owner of a folder and of everything below it that belongs to `from`. A
// folder changes before what it holds, so that `from` cannot replace what is looked at.
absl::Status give_tree(const std::string& path, uid_t from, const Owner& to);

}  // namespace gatetape::tools
