// Files that gatetape installs in share/gatetape and puts into what it exports. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape::tools {

// The template of the HTML page of a bundle, and the second verifier, which a bundle carries.
constexpr std::string_view kPlayerFile = "player.html";
constexpr std::string_view kVerifierFile = "verify_bundle.py";

// read_share_file returns the content of an installed file. The files lie in the folder that
// GATETAPE_SHARE names, by default in share/gatetape beside the folder of the program. NOT_FOUND
// when the file is missing there.
absl::StatusOr<std::string> read_share_file(std::string_view name);

}  // namespace gatetape::tools
