// What `gatetape doctor` says about the log. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "gatetape/audit/v1/audit.pb.h"

namespace gatetape::tools {

// LogFinding is what is wrong with the log, and what to do about it.
struct LogFinding {
  std::string what;
  std::string advice;
  bool is_failure = true;  // false: it may be meant so
};

// log_findings returns what is wrong; nothing when the log grows, is published and is cosigned.
std::vector<LogFinding> log_findings(const audit::v1::LogHealth& health);

}  // namespace gatetape::tools
