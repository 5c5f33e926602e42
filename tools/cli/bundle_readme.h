// readme_of: the text by which somebody who never saw gatetape verifies a bundle. Pure; any thread.
#pragma once

#include <string>

#include "bundle/manifest.h"

namespace gatetape::tools {

std::string readme_of(const Manifest& manifest);

}  // namespace gatetape::tools
