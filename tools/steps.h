// Steps: progress for a person: `[3/8] PostgreSQL: initdb ... ok (2.1 s)`. Standard output; one
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gatetape::tools {

class Steps {
 public:
  explicit Steps(int total) : total_(total) {}
  // begin shows the next step's title.
  void begin(const std::string& title);
  // end shows how it went: `ok (2.1 s)` with the note before it, or `FAILED`. Gives the status
  // back.
  absl::Status end(const absl::Status& status, const std::string& note = {});

 private:
  int total_;
  int done_ = 0;
  int64_t started_ns_ = 0;
};

}  // namespace gatetape::tools
