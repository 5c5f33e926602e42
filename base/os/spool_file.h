// FileSource and SpoolFile: files that are read at any place. A spool file has no name: it vanishes
// with its owner. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "base/os/fd.h"
#include "base/read_at.h"

namespace gatetape {

class FileSource : public ReadAt {
 public:
  // open opens a regular file. It fails with NOT_FOUND, PERMISSION_DENIED or UNKNOWN and the path.
  static absl::StatusOr<FileSource> open(const std::string& path);

  uint64_t size() const override { return size_; }
  absl::StatusOr<std::string> read_at(uint64_t offset, size_t count) const override;

 protected:
  FileSource(Fd fd, uint64_t size, std::string path)
      : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

  Fd fd_;
  uint64_t size_ = 0;
  std::string path_;  // for messages
};

class SpoolFile : public FileSource {
 public:
  // create makes an empty file of mode 0600 in a folder. It fails with UNKNOWN and the folder.
  static absl::StatusOr<SpoolFile> create(const std::string& folder);

  // append writes at the end. It fails with RESOURCE_EXHAUSTED when the disk is full, and with
  // UNKNOWN otherwise.
  absl::Status append(std::string_view bytes);

 private:
  SpoolFile(Fd fd, std::string path) : FileSource(std::move(fd), 0, std::move(path)) {}
};

}  // namespace gatetape
