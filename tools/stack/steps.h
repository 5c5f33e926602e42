// Steps shows progress on standard output: `[3/8] PostgreSQL: initdb ... ok (2.1 s)`. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace gatetape::tools {

class Steps {
 public:
  // `logs` is the folder that the message of a failure names.
  Steps(int total, std::string logs) : total_(total), logs_(std::move(logs)) {}
  // begin shows the title of the next step.
  void begin(const std::string& title);
  // end shows the outcome: `ok (2.1 s)` with the note before it, or `FAILED`. It returns the
  // status; the status of a failure also names the step and the folder of the logs.
  absl::Status end(const absl::Status& status, const std::string& note = {});

 private:
  int total_;
  std::string logs_;
  std::string title_;
  int done_ = 0;
  int64_t started_ns_ = 0;
};

}  // namespace gatetape::tools
