#include "gateway/banner_file.h"

#include "base/toml.h"

namespace gatetape::gateway {

absl::StatusOr<std::string> load_banner(const std::string& path) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok() || text->size() <= kBannerFileBytesMax) return text;
  return absl::ResourceExhaustedError(path + ": a banner has at most " +
                                      std::to_string(kBannerFileBytesMax) + " bytes");
}

}  // namespace gatetape::gateway
