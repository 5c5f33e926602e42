// MirrorSource: the published files of a log, below a URL or in a folder. What they hold may be
// hostile. Main thread.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "log/tile.h"

namespace gatetape::tools {

class MirrorSource : public TileReader {
 public:
  // `from` is http://, https:// or the path of a folder. `ca_file` is a PEM file of the CAs for
  // https; when it is empty, those of the system are used.
  MirrorSource(std::string from, std::string ca_file);

  // checkpoint returns the published checkpoint, and forgets the tiles that were read before. It
  // fails with UNAVAILABLE when it cannot be read.
  absl::StatusOr<std::string> checkpoint();
  // read returns a tile. When the partial tile is gone, because the log has grown since, it returns
  // the beginning of the full one (C2SP tlog-tiles). It fails with NOT_FOUND when both are missing,
  // and with UNAVAILABLE when they cannot be read.
  absl::StatusOr<std::string> read(const TileName& name) override;

 private:
  absl::StatusOr<std::string> fetch(const std::string& path, size_t bytes_max);
  absl::StatusOr<std::string> fetch_tile(const TileName& name);

  std::string from_;
  const std::string ca_file_;
  const bool is_url_;
  std::map<std::string, std::string> tiles_;  // by path; a proof reads about ten of them
};

}  // namespace gatetape::tools
