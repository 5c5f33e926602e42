// type_into types lines into a program on a terminal as a person would: each line when the program
// has been silent for a while. One thread, in a process without other threads.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/process.h"

namespace gatetape::tools {

struct TypedSession {
  int exit_code = 0;
  std::string screen;  // every byte that the program wrote
};

// type_into starts the program on an 80x24 terminal, types each line and waits for the program's
// end. DEADLINE_EXCEEDED after `timeout_ms` in all.
absl::StatusOr<TypedSession> type_into(ProcessSpec spec, const std::vector<std::string>& lines,
                                       int64_t timeout_ms);

}  // namespace gatetape::tools
