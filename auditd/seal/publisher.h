// Publisher: the published files of the log (docs/FORMAT.md section 9.6): tiles, bundles of
// entries, the newest checkpoint, and `checkpoints`, to which each one is appended. A checkpoint is
// written when every file of its tree is on the disk. The sealer's thread alone calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "auditd/seal/seal_store.h"
#include "auditd/seal/sequencer_core.h"
#include "log/tile.h"

namespace gatetape::auditd {

class Publisher : public Publication {
 public:
  // Most files that one call writes. A log that is published into an empty folder has many, and the
  // sequencer must not wait for them.
  static constexpr size_t kFilesAtOnce = 128;

  // `folder` is made when it is missing; the folder above it must be there.
  explicit Publisher(std::string folder, size_t files_at_once = kFilesAtOnce)
      : folder_(std::move(folder)), files_at_once_(files_at_once), tiles_(folder_) {}

  absl::StatusOr<std::optional<std::string>> read_checkpoint() override;
  TileReader& tiles() override { return tiles_; }
  absl::StatusOr<std::optional<std::string>> read_acceptance() override;
  absl::Status remove_acceptance() override;

  // publish writes the next files that are missing, `files_at_once` at most, and returns true when
  // `newest` is published. It fails with UNAVAILABLE when a file cannot be written, with
  // FAILED_PRECONDITION when a newer checkpoint is published already, with DATA_LOSS when stored
  // leaves are missing or are not those of their hashes, and as `store` does. What is missing is
  // written by the next call.
  absl::StatusOr<bool> publish(SealStore& store, const SealedCheckpoint& newest);
  // abandon forgets what is half published: the log may be another one when it is opened again.
  void abandon() { job_.reset(); }
  // is_busy returns true when files of a checkpoint are still missing.
  bool is_busy() const { return job_.has_value(); }

 private:
  class FolderTiles : public TileReader {
   public:
    explicit FolderTiles(const std::string& folder) : folder_(folder) {}
    absl::StatusOr<std::string> read(const TileName& name) override;

   private:
    const std::string folder_;
  };
  // Job is a checkpoint that is being published.
  struct Job {
    SealedCheckpoint checkpoint;
    std::vector<TileName> files;
    size_t written = 0;
  };

  absl::StatusOr<uint64_t> published_size();
  absl::Status begin(const SealedCheckpoint& newest);
  absl::Status write_files(SealStore& store);
  absl::Status write_tile(SealStore& store, const TileName& name);
  absl::Status finish();
  void remove_superseded() const;

  const std::string folder_;
  const size_t files_at_once_;
  FolderTiles tiles_;
  std::optional<Job> job_;
  SealedCheckpoint published_;  // the checkpoint that this process published last
};

}  // namespace gatetape::auditd
