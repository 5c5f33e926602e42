#include "tools/cli/mirror_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/os/http_client.h"
#include "base/toml.h"
#include "log/note.h"

namespace gatetape::tools {
namespace {

constexpr size_t kHashBytes = std::tuple_size_v<Hash>;
constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kGone = 410;

}  // namespace

MirrorSource::MirrorSource(std::string from, std::string ca_file)
    : from_(std::move(from)),
      ca_file_(std::move(ca_file)),
      is_url_(from_.starts_with("http://") || from_.starts_with("https://")) {
  if (!from_.ends_with('/')) from_ += '/';
}

absl::StatusOr<std::string> MirrorSource::checkpoint() {
  tiles_.clear();
  absl::StatusOr<std::string> text = fetch("checkpoint", kNoteBytesMax);
  if (!text.ok()) return absl::UnavailableError(text.status().message());
  return text;
}

absl::StatusOr<std::string> MirrorSource::read(const TileName& name) {
  const auto kept = tiles_.find(name.path());
  if (kept != tiles_.end()) return kept->second;
  absl::StatusOr<std::string> tile = fetch_tile(name);
  if (absl::IsNotFound(tile.status()) && name.width < kTileWidth) {
    TileName full = name;
    full.width = kTileWidth;
    tile = fetch_tile(full);
    if (tile.ok()) tile->resize(std::min(tile->size(), name.width * kHashBytes));
  }
  if (tile.ok()) tiles_[name.path()] = *tile;
  return tile;
}

absl::StatusOr<std::string> MirrorSource::fetch_tile(const TileName& name) {
  return fetch(name.path(), name.width * kHashBytes);
}

absl::StatusOr<std::string> MirrorSource::fetch(const std::string& path, size_t bytes_max) {
  if (!is_url_) return read_whole_file(from_ + path);
  absl::StatusOr<HttpResponse> response =
      http_get({.url = from_ + path, .response_bytes_max = bytes_max, .ca_file = ca_file_});
  if (absl::IsInvalidArgument(response.status())) return response.status();
  if (!response.ok()) return absl::UnavailableError(response.status().message());
  if (response->status == kOk) return std::move(response->body);
  const std::string message =
      absl::StrCat(printable(from_ + path), " was answered with status ", response->status);
  return response->status == kNotFound || response->status == kGone
             ? absl::NotFoundError(message)
             : absl::UnavailableError(message);
}

}  // namespace gatetape::tools
