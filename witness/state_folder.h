// StateFolder: the newest cosigned checkpoint of each log, one file per origin. The witness must
// never forget one: a log could then roll back and fork without notice. So a file is replaced only
// when the new one is on the disk, and a file that is damaged keeps the witness from starting. The
// main thread opens it; afterwards one thread at a time.
//
// A file is named after the SHA-256 of the origin in hexadecimal. Its first line is the SHA-256 of
// the rest, which is the signed note as the log sent it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/os/fd.h"
#include "log/witness_core.h"

namespace gatetape::witness {

// KeptCheckpoint is what a file holds.
struct KeptCheckpoint {
  std::string origin;
  std::string note;
};

class StateFolder : public WitnessStore {
 public:
  // open locks the folder until this object is destroyed. It fails with NOT_FOUND when there is no
  // folder, and with ALREADY_EXISTS when another process holds the lock: two witnesses with one key
  // could cosign two histories.
  static absl::StatusOr<std::unique_ptr<StateFolder>> open(const std::string& dir);

  // read_all returns what the folder holds. It removes what a write that did not finish has left.
  // It fails with DATA_LOSS, and names the file, when a file is damaged or is not a file of a
  // witness.
  absl::StatusOr<std::vector<KeptCheckpoint>> read_all() const;
  // keep writes the file of an origin. It returns OK when the file and its name are on the disk.
  absl::Status keep(const std::string& origin, const std::string& note) override;

 private:
  StateFolder(std::string dir, Fd lock) : dir_(std::move(dir)), lock_(std::move(lock)) {}
  const std::string dir_;
  const Fd lock_;
};

}  // namespace gatetape::witness
