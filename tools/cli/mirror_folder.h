// MirrorFolder: an auditor's own copy of the checkpoints of a log, as files:
//
//   newest            the newest checkpoint, with its signatures
//   days/2026-11-30   the first good checkpoint that was read on that day (UTC)
//   fork-1, fork-2    a checkpoint, and one that contradicts it
//
// Every file appears complete or not at all. One process at a time; main thread.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatetape::tools {

class MirrorFolder {
 public:
  explicit MirrorFolder(std::string dir) : dir_(std::move(dir)) {}
  // create makes the folders that are missing. It fails with UNKNOWN.
  absl::Status create() const;

  // newest returns the newest checkpoint, or nothing when there is none yet.
  absl::StatusOr<std::optional<std::string>> newest() const;
  // keep writes the newest checkpoint.
  absl::Status keep(const std::string& note) const;
  // keep_day writes the checkpoint of a day, YYYY-MM-DD, unless the day has one.
  absl::Status keep_day(const std::string& day, const std::string& note) const;
  // keep_fork writes both checkpoints. Those of the first fork stay.
  absl::Status keep_fork(const std::string& kept, const std::string& found) const;
  // has_fork returns true when a fork was kept: nobody has looked at it and moved it away.
  bool has_fork() const;

  std::string path(const std::string& name) const { return dir_ + "/" + name; }

 private:
  absl::Status write(const std::string& name, const std::string& text) const;
  const std::string dir_;
};

}  // namespace gatetape::tools
