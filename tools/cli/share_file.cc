#include "tools/cli/share_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tools/stack/cluster.h"

namespace gatetape::tools {
namespace {

std::filesystem::path share_folder() {
  if (const char* given = std::getenv("GATETAPE_SHARE")) return given;
  return (std::filesystem::path(program_folder()) / "../share/gatetape").lexically_normal();
}

}  // namespace

absl::StatusOr<std::string> read_share_file(std::string_view name) {
  const std::filesystem::path path = share_folder() / name;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  if (file && content) return content.str();
  return absl::NotFoundError("cannot read " + path.string() +
                             ": install it, or name its folder with GATETAPE_SHARE");
}

}  // namespace gatetape::tools
