// verify_file: `gatetape verify FILE --key KEYS`. It talks to no daemon. Main thread.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "client/context.h"

namespace gatetape::tools {

// verify_file prints the verdicts about a bundle, and sets the exit code to 5 when it is not
// proven. `format` is table, json, jsonl or csv.
absl::Status verify_file(const std::string& file, const std::string& keys,
                         const std::string& format, client::Context& context);

}  // namespace gatetape::tools
