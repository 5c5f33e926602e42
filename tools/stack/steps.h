// Steps: progress for a person: `[3/8] PostgreSQL: initdb ... ok (2.1 s)`. Standard output; one
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace gatetape::tools {

class Steps {
 public:
  // `logs` is the folder to look into after a failure.
  Steps(int total, std::string logs) : total_(total), logs_(std::move(logs)) {}
  // begin shows the next step's title.
  void begin(const std::string& title);
  // end shows how it went: `ok (2.1 s)` with the note before it, or `FAILED`. Gives the status
  // back; that of a failure names the step and the folder of the logs.
  absl::Status end(const absl::Status& status, const std::string& note = {});

 private:
  int total_;
  std::string logs_;
  std::string title_;
  int done_ = 0;
  int64_t started_ns_ = 0;
};

}  // namespace gatetape::tools
