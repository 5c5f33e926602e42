// export_bundle: makes the file of a bundle from what auditd sends (docs/FORMAT.md section 10).
// Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "client/context.h"

namespace gatetape::tools {

struct BundleOptions {
  std::string id;    // as typed
  std::string file;  // where the bundle is written
  bool without_input = false;
  std::string from, to;   // times as typed; empty = the whole session
  std::string recipient;  // age1...; empty = the bundle is written in clear

  // is_asked_for returns true when an option was typed that only a bundle has.
  bool is_asked_for() const {
    return without_input || !from.empty() || !to.empty() || !recipient.empty();
  }
};

// export_bundle writes the file aside and renames it, with mode 0600. It says on standard error
// what the bundle holds and whether it is encrypted.
absl::Status export_bundle(const BundleOptions& options, const client::Context& context);

}  // namespace gatetape::tools
