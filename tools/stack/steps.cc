#include "tools/stack/steps.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/clock.h"

namespace gatetape::tools {

void Steps::begin(const std::string& title) {
  started_ns_ = system_clock().mono_ns();
  title_ = title;
  std::printf("[%d/%d] %s ... ", ++done_, total_, title.c_str());
  std::fflush(stdout);
}

absl::Status Steps::end(const absl::Status& status, const std::string& note) {
  const double seconds = static_cast<double>(system_clock().mono_ns() - started_ns_) / 1e9;
  if (status.ok())
    std::printf("%s%sok (%.1f s)\n", note.c_str(), note.empty() ? "" : ", ", seconds);
  else
    std::printf("FAILED (%.1f s)\n", seconds);
  std::fflush(stdout);
  if (status.ok() || absl::IsCancelled(status)) return status;
  return absl::Status(status.code(), absl::StrCat("step ", done_, " of ", total_, ", ", title_,
                                                  ": ", status.message(), "; logs are in ", logs_));
}

}  // namespace gatetape::tools
