// StateDir: the folder of one stack: who owns it, its lock, its keys, and the two files that people
// edit. What people made or may have edited is never overwritten. Main thread.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/os/fd.h"
#include "base/os/process.h"

namespace gatetape::tools {

struct StateDir {
  std::string path;                // absolute
  RunUser owner;                   // runs the daemons
  std::optional<RunUser> drop_to;  // the owner when we are root, else nothing

  // choose takes --dir and --user: root runs the daemons as `user`, else as gatetape when there is
  // such an account, else as postgres; others run them as themselves. INVALID_ARGUMENT for a user
  // that cannot be.
  static absl::StatusOr<StateDir> choose(const std::string& dir, const std::string& user);

  // make creates the folder and run, log, keys in it, and checks that the owner can enter it.
  // FAILED_PRECONDITION for one that holds something else, PERMISSION_DENIED for somebody else's.
  absl::Status make() const;
  // make_folder creates a folder in it unless it is there.
  absl::Status make_folder(const std::string& name) const;
  // lock takes DIR/up.lock for as long as the descriptor lives; ALREADY_EXISTS when another holds
  // it.
  absl::StatusOr<Fd> lock() const;
  // make_keys makes the keys that are not there, and writes the .pub file of each;
  // FAILED_PRECONDITION when only the .pub is there.
  absl::Status make_keys() const;
  // write_config writes gatetape.toml, when there is none, for a gateway on `listen`.
  absl::Status write_config(const std::string& listen) const;
  // write_access writes access.toml when there is none.
  absl::Status write_access(const std::string& text) const;
  // write_file writes, or replaces, a file below the folder for the owner; write_new only when
  // there is none.
  absl::Status write_file(const std::string& name, const std::string& text, mode_t mode) const;
  absl::Status write_new(const std::string& name, const std::string& text, mode_t mode) const;

  std::string file(const std::string& name) const { return path + "/" + name; }

 private:
  absl::Status hand_over(const std::string& folder) const;
  absl::Status take_over() const;
};

// example_access gives the access.toml of a new stack: all comments, so it allows nothing.
std::string example_access();

}  // namespace gatetape::tools
