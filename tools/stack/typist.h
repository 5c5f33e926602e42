// Typist: types lines into a program on a terminal as a person would: each when the program has
// fallen silent. One thread, no other threads in the process.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/process.h"

namespace gatetape::tools {

struct TypedSession {
  int exit_code = 0;
  std::string screen;  // every byte the program wrote
};

// type_into starts the program on an 80x24 terminal, types each line and waits for the program's
// end. DEADLINE_EXCEEDED when all of it takes longer than `timeout_ms`.
absl::StatusOr<TypedSession> type_into(ProcessSpec spec, const std::vector<std::string>& lines,
                                       int64_t timeout_ms);

}  // namespace gatetape::tools
