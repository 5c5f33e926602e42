// The file `[gateway] banner`, which clients see before the login. Main thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace gatetape::gateway {

// Largest banner, in bytes. A larger file is refused, because each client gets all of it before its
// login.
constexpr size_t kBannerFileBytesMax = size_t{64} << 10;

// load_banner returns the bytes of the file, or an empty text for an empty path. It fails when the
// file cannot be read, or is larger than kBannerFileBytesMax; the message names the file.
absl::StatusOr<std::string> load_banner(const std::string& path);

}  // namespace gatetape::gateway
