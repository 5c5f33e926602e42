// StateDir is the folder of one stack: its owner, its lock, its keys, and the two files that people
// edit. A file that somebody made or may have edited is never overwritten. Main thread.
//
// When root starts the stack, the folder belongs to root, each daemon has an account of its own
// (tools/stack/accounts.h), and a key belongs to the account of the daemon that uses it. Otherwise
// one account owns everything and runs everything.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/os/fd.h"
#include "base/os/process.h"
#include "tools/stack/accounts.h"

namespace gatetape::tools {

// StateDirChoice is what the command line asks for.
struct StateDirChoice {
  std::string dir;   // --dir
  std::string user;  // --user; empty = choose one
};

// StackFile is a file below the folder of a stack.
struct StackFile {
  std::string name;  // relative to the folder
  std::string text;
  mode_t mode = 0640;
};

struct StateDir {
  std::string path;                  // absolute
  RunUser owner;                     // of the folder; runs the daemons unless there are accounts
  std::optional<RunUser> drop_to;    // makes the files: the owner when this process runs as root
  std::optional<Accounts> accounts;  // of the daemons when each has its own

  // choose returns the folder and the accounts of the daemons: for root the chosen user or, without
  // one, an account for each daemon, which is made when it is missing; for anyone else the user
  // itself. INVALID_ARGUMENT for a user that cannot run them.
  static absl::StatusOr<StateDir> choose(const StateDirChoice& choice);

  // make creates the folder with run, log and keys, and checks that the daemons can enter it.
  // FAILED_PRECONDITION for a folder that holds something else, PERMISSION_DENIED for a folder of
  // somebody else, and for one that an account of the daemons cannot reach.
  absl::Status make() const;
  // account_of returns the account that a daemon ("recorder") or PostgreSQL ("postgres") runs as;
  // nothing when it runs as this process does.
  std::optional<RunUser> account_of(const std::string& service) const;
  // make_folder creates a folder below the folder of the stack, unless it is there.
  absl::Status make_folder(const std::string& name) const;
  // lock locks DIR/up.lock for as long as the descriptor lives. ALREADY_EXISTS when another process
  // holds the lock.
  absl::StatusOr<Fd> lock() const;
  // make_keys makes the missing keys and writes the .pub file of each. FAILED_PRECONDITION when
  // only the .pub file of a key is there.
  absl::Status make_keys() const;
  // write_config writes gatetape.toml for a gateway on `listen`, when there is no such file.
  absl::Status write_config(const std::string& listen) const;
  // write_access writes access.toml when there is no such file.
  absl::Status write_access(const std::string& text) const;
  // write_file writes or replaces a file of the owner. write_new writes it only when there is no
  // such file.
  absl::Status write_file(const StackFile& file) const;
  absl::Status write_new(const StackFile& file) const;

  std::string file(const std::string& name) const { return path + "/" + name; }

 private:
  // hand_over gives a folder that root made to the owner.
  absl::Status hand_over(const std::string& folder) const;
  // take_over accepts a folder that was there, when it is a stack's or holds nothing else.
  absl::Status take_over() const;
  // take_from gives the stack of an older version, which one account owned, to root and the
  // accounts of the daemons.
  absl::Status take_from(uid_t previous) const;
  absl::Status make_run_folders() const;
  absl::Status check_reachable() const;
  // A file that root makes in a folder of the stack gets the group of the folder, so that the
  // daemons can read access.toml after an editor has replaced it.
  mode_t folder_mode() const { return accounts ? 02750 : 0700; }
};

// example_access returns the access.toml of a new stack. It holds only comments, so it allows
// nothing.
std::string example_access();

}  // namespace gatetape::tools
